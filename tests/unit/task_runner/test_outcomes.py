"""What tasks ask for by exceptions: waiting, skipping others, another run; retry policies, mail, listeners."""

import json
import sys
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.execution_api import ExecutionApi
from tests.smtp_server import mail_server
from tests.unit.task_runner.conftest import Ran, RunSource, attempt_request, run_loaded
from tradewind.core.states import EndCause, Outcome
from tradewind.sdk.listeners import LISTENERS, hookimpl
from tradewind.task_runner.attempt.execute import run_attempt
from tradewind.task_runner.protocol import AttemptResult
from tradewind.wire.messages import Deferral, EndEffects, TaskStarted

HEAD = """
from datetime import datetime, timedelta, timezone
from airflow.sdk import DAG, BaseOperator, ExceptionRetryPolicy, RetryAction, RetryPolicy, RetryRule
from airflow.exceptions import (
    AirflowException, AirflowFailException, AirflowRescheduleException, AirflowSkipException, DagRunTriggerException,
    DownstreamTasksSkipped, TaskAwaitingInput, TaskDeferralError, TaskDeferralTimeout, TaskDeferred,
)
class Ready:
    def __init__(self, path): self.path = path
    def serialize(self): return "team.triggers.Ready", {"path": self.path}
"""


def _op(execute: str, more: str = "", arguments: str = "") -> str:
    lines = "\n".join(f"        {line}" for line in execute.splitlines())
    operator = f"class Op(BaseOperator):\n    def execute(self, context):\n{lines}\n{more}"
    return f'{HEAD}\n{operator}\nwith DAG("d"):\n    Op(task_id="t", {arguments})\n'


def test_plain_success_has_no_effects(run: RunSource) -> None:
    assert run(_op("return 1")).result.effects is None


def test_deferral_says_what_it_waits_for(run: RunSource) -> None:
    source = _op(
        'self.defer(trigger=Ready("/x"), method_name="go_on", kwargs={"at": datetime(2021, 1, 1)}, timeout=60)'
    )
    before = datetime.now(UTC)
    ran = run(source)
    assert (ran.result.outcome, ran.result.cause, ran.result.detail) == (Outcome.DEFERRED, EndCause.NONE, None)
    assert ran.result.effects is not None
    deferral = ran.result.effects.deferral
    assert deferral is not None
    assert deferral.timeout_at is not None
    assert 59 < (deferral.timeout_at - before).total_seconds() < 600
    assert (deferral.classpath, json.loads(deferral.kwargs)) == ("team.triggers.Ready", {"path": "/x"})
    assert (deferral.next_method, deferral.queue) == ("go_on", None)
    assert json.loads(deferral.next_kwargs)["at"]["__classname__"] == "datetime.datetime"
    assert ran.events[-1] == "Pausing task as DEFERRED"


def test_triggerer_queue_is_the_tasks_where_queues_are_enabled(run: RunSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__TRIGGERER__QUEUES_ENABLED", "true")
    ran = run(_op('self.defer(trigger=Ready("/x"), method_name="go_on")', arguments='queue="big"'))
    assert ran.result.effects == EndEffects(
        deferral=Deferral("team.triggers.Ready", b'{"path":"/x"}', "go_on", b"{}", queue="big")
    )


@pytest.mark.parametrize(
    ("trigger", "kwargs", "detail"),
    [
        ("object()", "{}", "TypeError: a task can be deferred to a trigger only, not to object"),
        ("Ready(object())", "{}", "TypeError: "),
        ("Ready(1)", "{'x': object()}", "TypeError: "),
    ],
)
def test_deferral_that_cannot_be_said_fails(run: RunSource, trigger: str, kwargs: str, detail: str) -> None:
    ran = run(_op(f'self.defer(trigger={trigger}, method_name="go_on", kwargs={kwargs})'))
    assert (ran.result.outcome, ran.result.effects) == (Outcome.FAILED, None)
    assert (ran.result.detail or "").startswith(detail)


GO_ON = """
    def go_on(self, context, event=None, at=None):
        return [event, at.year, context["ti"].task_id]
"""


def test_resumed_task_goes_on_with_its_method(run: RunSource) -> None:
    at = {
        "__classname__": "datetime.datetime",
        "__version__": 1,
        "__data__": {"iso": "2021-01-01T00:00:00", "zone": None, "fold": 0},
    }
    values = json.dumps({"event": {"n": 1}, "at": at}).encode()
    ran = run(_op("raise AssertionError", GO_ON), next_method="go_on", next_kwargs=values)
    assert ran.result.detail is None
    assert ran.xcoms["return_value"] == [{"n": 1}, 2021, "t"]


@pytest.mark.parametrize(
    ("values", "detail"),
    [
        ({"error": "Trigger timeout"}, "TaskDeferralTimeout: Trigger timeout"),
        ({"error": "Trigger failure", "traceback": ["line one", "line two"]}, "TaskDeferralError: Trigger failure"),
    ],
)
def test_failed_trigger_fails_the_task(run: RunSource, values: dict[str, Any], detail: str) -> None:
    ran = run(_op("pass"), next_method="__fail__", next_kwargs=json.dumps(values).encode())
    assert (ran.result.outcome, ran.result.detail) == (Outcome.FAILED, detail)
    assert ("Trigger failed:\nline one\nline two" in ran.events) == ("traceback" in values)


def test_question_to_a_person(run: RunSource) -> None:
    ran = run(_op('raise TaskAwaitingInput(method_name="answered", kwargs={"a": 1}, human_input={"subject": "Go?"})'))
    assert ran.result.outcome is Outcome.AWAITING_INPUT
    assert ran.result.effects == EndEffects(
        deferral=Deferral("", b"{}", "answered", b'{"a":1}'), human_input=b'{"subject":"Go?"}'
    )


def test_reschedule_says_when(run: RunSource) -> None:
    source = _op("raise AirflowRescheduleException(datetime(2021, 1, 1, tzinfo=timezone(timedelta(hours=2))))")
    ran = run(source)
    assert (ran.result.outcome, ran.result.detail) == (Outcome.RESCHEDULED, None)
    assert ran.result.effects == EndEffects(reschedule_at=datetime(2020, 12, 31, 22, tzinfo=UTC))


def test_reschedule_needs_a_date(run: RunSource) -> None:
    ran = run(_op("raise AirflowRescheduleException(5)"))
    assert ran.result.detail == "AirflowException: reschedule_date must be a datetime, not int: 5"


@pytest.mark.parametrize(
    ("tasks", "skipped"),
    [
        ("['a', 'b', 'a']", (("a", -1), ("b", -1))),
        ("'a'", (("a", -1),)),
        ("[('a', 2), ('a', -1)]", (("a", 2), ("a", -1))),
        ("[]", ()),
    ],
)
def test_skipping_others_is_a_success(run: RunSource, tasks: str, skipped: tuple[tuple[str, int], ...]) -> None:
    ran = run(_op(f"raise DownstreamTasksSkipped(tasks={tasks})"))
    assert (ran.result.outcome, ran.result.detail) == (Outcome.SUCCESS, None)
    assert ran.result.effects == EndEffects(skipped=skipped)


TRIGGER = """raise DagRunTriggerException(
    trigger_dag_id="other", dag_run_id="r", conf={"x": 1}, logical_date=datetime(2021, 1, 1, tzinfo=timezone.utc),
    reset_dag_run=False, skip_when_already_exists=SKIP, wait_for_completion=WAIT, allowed_states=["success"],
    failed_states=["failed"], poke_interval=0.0, deferrable=False)"""


def _trigger(*, skip: bool = False, wait: bool = False) -> str:
    return _op(TRIGGER.replace("SKIP", str(skip)).replace("WAIT", str(wait)))


def test_run_of_another_dag_is_made(run: RunSource, api: ExecutionApi) -> None:
    ran = run(_trigger(), url=api.url)
    assert (ran.result.outcome, ran.result.detail) == (Outcome.SUCCESS, None)
    assert api.dag_runs["other", "r"]["conf"] == {"x": 1}
    assert api.dag_runs["other", "r"]["logical_date"] == "2021-01-01T00:00:00+00:00"
    assert api.xcoms["d", "manual__1", "t", "trigger_run_id", "map_index=-1"] == "r"


@pytest.mark.parametrize(("skip", "outcome"), [(True, Outcome.SKIPPED), (False, Outcome.FAILED_WITHOUT_RETRY)])
def test_run_that_exists_already(run: RunSource, api: ExecutionApi, skip: bool, outcome: Outcome) -> None:
    api.dag_runs["other", "r"] = {"state": "running"}
    assert run(_trigger(skip=skip), url=api.url).result.outcome is outcome


@pytest.mark.parametrize(("state", "outcome"), [("success", Outcome.SUCCESS), ("failed", Outcome.FAILED)])
def test_end_of_the_other_run_is_waited_for(run: RunSource, api: ExecutionApi, state: str, outcome: Outcome) -> None:
    api.next_run_states = ["running", state]
    ran = run(_trigger(wait=True), url=api.url)
    assert ran.result.outcome is outcome
    assert api.next_run_states == []


POLICY = """
class Own(RetryPolicy):
    def evaluate(self, exception, try_number, max_tries, context=None):
        raise RuntimeError("policy")
rules = ExceptionRetryPolicy([
    RetryRule("builtins.KeyError", RetryAction.FAIL),
    RetryRule([LookupError, "builtins.OSError"], retry_delay=timedelta(seconds=7), reason="slow down"),
    RetryRule("gone.Missing"),
])
"""


@pytest.mark.parametrize(
    ("policy", "error", "outcome", "delay"),
    [
        ("rules", "KeyError()", Outcome.FAILED_WITHOUT_RETRY, None),
        ("rules", "IndexError()", Outcome.FAILED, 7.0),
        ("rules", "FileNotFoundError()", Outcome.FAILED, 7.0),
        ("rules", "ValueError()", Outcome.FAILED, None),
        ("rules", "AirflowFailException()", Outcome.FAILED_WITHOUT_RETRY, None),
        ("Own()", "ValueError()", Outcome.FAILED, None),
    ],
)
def test_retry_policy_decides_by_the_exception(
    run: RunSource, policy: str, error: str, outcome: Outcome, delay: float | None
) -> None:
    ran = run(_op(f"raise {error}", POLICY, f"retry_policy={policy}, retries=1"), max_tries=1)
    assert ran.result.outcome is outcome
    assert (ran.result.effects.retry_delay_seconds if ran.result.effects else None) == delay
    assert ("Retry policy decision: retry (slow down)" in ran.events) == (delay is not None)


@pytest.fixture
def listener() -> Generator["Listener"]:
    """A listener that notes what it hears."""
    heard = Listener()
    LISTENERS.add(heard)
    yield heard
    LISTENERS.clear()


class Listener:
    """Notes events as (name, previous state, error)."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str]] = []

    @hookimpl
    def on_task_instance_running(self, previous_state: str, task_instance: Any) -> None:
        self.heard.append(("running", previous_state, task_instance.task_id))

    @hookimpl
    def on_task_instance_success(self, task_instance: Any) -> None:
        self.heard.append(("success", task_instance.state, ""))

    @hookimpl
    def on_task_instance_failed(self, previous_state: str, task_instance: Any, error: BaseException) -> None:
        self.heard.append(("failed", task_instance.state, str(error)))
        raise RuntimeError("in a listener")

    def on_task_instance_skipped(self) -> None:
        raise AssertionError("it is not marked")


@pytest.mark.parametrize(
    ("execute", "heard"),
    [
        ("pass", ("success", "success", "")),
        ("raise ValueError(5)", ("failed", "failed", "5")),
        ("raise AirflowSkipException", None),
        ('self.defer(trigger=Ready(1), method_name="x")', None),
    ],
)
def test_listeners_are_told(
    run: RunSource, listener: Listener, execute: str, heard: tuple[str, str, str] | None
) -> None:
    ran = run(_op(execute))
    assert listener.heard == [("running", "queued", "t"), *([heard] if heard else [])]
    assert ("error calling listener" in ran.events) == (heard is not None and heard[0] == "failed")


@pytest.mark.parametrize(
    ("arguments", "max_tries", "is_sent"),
    [
        ('email="a@x, b@x"', 0, True),
        ('email=["a@x", "b@x"], email_on_failure=False', 0, False),
        ('email="a@x;b@x", email_on_failure=False', 1, True),
        ('email="a@x", email_on_retry=False', 1, False),
    ],
)
def test_failures_are_mailed(
    run: RunSource, monkeypatch: pytest.MonkeyPatch, arguments: str, max_tries: int, is_sent: bool
) -> None:
    with mail_server() as server:
        monkeypatch.setenv("AIRFLOW__SMTP__SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("AIRFLOW__SMTP__SMTP_PORT", str(server.port))
        monkeypatch.setenv("AIRFLOW__SMTP__SMTP_STARTTLS", "False")
        monkeypatch.setenv("AIRFLOW__SMTP__SMTP_MAIL_FROM", "us@x")
        ran = run(_op("raise ValueError('<broken>')", arguments=arguments), max_tries=max_tries)
    assert ran.result.detail == "ValueError: <broken>"
    if not is_sent:
        assert server.mails == []
        return
    [(recipients, mail)] = server.mails
    assert recipients == ("a@x", "b@x")
    assert (mail["From"], mail["To"]) == ("us@x", "a@x, b@x")
    assert mail["Subject"].startswith("Airflow alert: <TaskInstance: d.t manual__1")
    assert "&lt;broken&gt;" in str(mail.get_payload())


def test_mail_that_cannot_be_sent_changes_nothing(run: RunSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_PORT", "1")
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_RETRY_LIMIT", "1")
    ran = run(_op("raise ValueError", arguments='email="a@x"'))
    assert ran.result.detail == "ValueError"
    assert ran.events[-1] == "Failed to send email to: a@x"
    assert "the mail server localhost:1 does not take the mail" in ran.records[-1]["exception"]


@pytest.mark.parametrize(
    ("body", "event", "is_first"),
    [
        ("return 1", "on_success_callback", True),
        ("raise ValueError", "on_failure_callback", False),
        ("raise AirflowSkipException", "on_skipped_callback", False),
    ],
)
def test_a_success_is_reported_before_its_callbacks_are_called(
    load: Any, tmp_path: Path, body: str, event: str, is_first: bool
) -> None:
    log = tmp_path / "log"
    seen: list[tuple[float | None, bool]] = []

    def send(message: TaskStarted | AttemptResult) -> None:
        if isinstance(message, AttemptResult):
            sys.stdout.flush()
            seen.append((message.overtime_seconds, "called back" in log.read_text()))

    source = _op(body, arguments=f'{event}=lambda context: print("called back")')
    with log.open("wb") as file:
        run_attempt(attempt_request(), load(source), send, log_descriptor=file.fileno())

    assert seen == [(20.0, False) if is_first else (None, True)]
    assert "called back" in log.read_text()


@pytest.mark.parametrize("body", ["return 1", "raise ValueError"])
def test_callbacks_are_stopped_when_their_time_is_over(
    run: RunSource, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__TASK_SUCCESS_OVERTIME", "0.05")
    callbacks = "[lambda context: __import__('signal').pause(), print]"
    ran = run(_op(body, arguments=f"on_success_callback={callbacks}, on_failure_callback={callbacks}"))
    assert ran.result.outcome == (Outcome.SUCCESS if body == "return 1" else Outcome.FAILED)
    assert ran.records[-1]["event"] == "Error after the task's end"
    assert "[core] task_success_overtime of 0.05 s is over" in ran.records[-1]["exception"]
    assert ran.printed == []


def test_success_of_a_resumed_attempt_is_reported_once(load: Any, tmp_path: Path) -> None:
    messages: list[TaskStarted | AttemptResult] = []
    request = attempt_request(next_method="go_on", next_kwargs=b'{"event": 1}')
    run_attempt(request, load(_op("pass", "    def go_on(self, context, event): return event")), messages.append)
    assert [type(message) for message in messages] == [TaskStarted, AttemptResult]
    again: Ran = run_loaded(load(_op("return 2")), attempt_request(), tmp_path / "log")
    assert again.xcoms == {"return_value": 2}
