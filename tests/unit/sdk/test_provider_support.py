"""What authors of provider packages build upon."""

import asyncio
import logging
import signal
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from tradewind.sdk import DAG, BaseAsyncOperator, BaseOperator, BaseOperatorLink, ResumableJobMixin, task
from tradewind.sdk.exceptions import AirflowTaskTimeout
from tradewind.sdk.lineage import HookLineageCollector, NoOpCollector, get_hook_lineage_collector
from tradewind.sdk.listeners import Listeners, hookimpl
from tradewind.sdk.module_loading import import_string, is_async_callable, is_valid_dotpath, qualname
from tradewind.sdk.operators.of_functions import DecoratedOperator, KeywordParameters, task_decorator_factory
from tradewind.sdk.providers import ProvidersManager
from tradewind.sdk.stats import Stats
from tradewind.sdk.strings import at_most_one, exactly_one, merge_dicts, prune_dict, to_boolean
from tradewind.sdk.timeout import timeout
from tradewind.sdk.types import NOTSET, SET_DURING_EXECUTION, TaskInstanceKey, is_arg_set


class _Shout(BaseOperator):
    template_fields: Sequence[str] = ("text",)

    def __init__(self, *, text: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text

    def execute(self, context: Any) -> Any:
        return f"{self.text}!"


class _ShoutDecorated(DecoratedOperator, _Shout):
    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, *_Shout.template_fields)
    custom_operator_name = "@task.shout"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(text=SET_DURING_EXECUTION, **kwargs)

    def execute(self, context: Any) -> Any:
        self.text = self.python_callable(*self.op_args, **self.determine_kwargs({**context, **self.op_kwargs}))
        return super().execute(context)


def test_decorator_over_an_operator_of_ones_own() -> None:
    shout = partial(task_decorator_factory, decorated_operator_class=_ShoutDecorated)
    with DAG("d", default_args={"word": "default"}) as dag:

        @shout(retries=2)
        def say(word: str, run_id: str) -> str:
            return f"{word} {run_id}"

        say("hi")
        say()
        say.override(task_id="mapped").expand(word=["a", "b"])
    assert list(dag.task_dict) == ["say", "say__1", "mapped"]
    first: Any = dag.get_task("say")
    assert (first.operator_name, first.retries, first.execute({"run_id": "r"})) == ("@task.shout", 2, "hi r!")
    assert dag.get_task("say__1").execute({"run_id": "r"}) == "default r!"
    mapped: Any = dag.get_task("mapped")
    assert mapped.unmap({"word": "b"}).execute({"run_id": "r"}) == "b r!"
    assert first.get_python_source() == 'def say(word: str, run_id: str) -> str:\n    return f"{word} {run_id}"\n'
    with pytest.raises(TypeError, match="missing required argument"), DAG("e"):
        say()


def test_decorators_and_hooks_of_packages_that_are_not_there() -> None:
    assert ProvidersManager() is ProvidersManager()
    assert ProvidersManager().hooks.get("nothing") is None
    with pytest.raises(AttributeError, match=r"@task\.nothing is not available"):
        _ = task.nothing


class _Later(BaseAsyncOperator):
    async def aexecute(self, context: Any) -> Any:
        await asyncio.sleep(context["seconds"])
        return "done"


def test_async_operator_runs_and_is_cancelled_in_time() -> None:
    from datetime import timedelta

    later = _Later(task_id="later", execution_timeout=timedelta(seconds=0.05))
    assert later.is_async
    assert later.execute({"seconds": 0}) == "done"  # pyright: ignore[reportArgumentType] - a context of one value
    with pytest.raises(TimeoutError):
        later.execute({"seconds": 30})  # pyright: ignore[reportArgumentType] - a context of one value


class _Job(ResumableJobMixin, BaseOperator):
    status = "RUNNING"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.done: list[str] = []

    def execute(self, context: Any) -> Any:
        return self.execute_resumable(context)

    def submit_job(self, context: Any) -> Any:
        self.done.append("submit")
        return 7

    def get_job_status(self, external_id: Any, context: Any) -> str:
        return self.status

    def is_job_active(self, status: str) -> bool:
        return status == "RUNNING"

    def is_job_succeeded(self, status: str) -> bool:
        return status == "DONE"

    def poll_until_complete(self, external_id: Any, context: Any) -> None:
        self.done.append(f"poll {external_id}")

    def get_job_result(self, external_id: Any, context: Any) -> Any:
        return f"result of {external_id}"


@pytest.mark.parametrize(
    ("known", "status", "durable", "done"),
    [
        (None, "RUNNING", True, ["submit", "poll 7"]),
        (5, "RUNNING", True, ["poll 5"]),
        (5, "DONE", True, []),
        (5, "LOST", True, ["submit", "poll 7"]),
        (5, "RUNNING", False, ["submit", "poll 7"]),
    ],
)
def test_job_is_found_again(known: int | None, status: str, durable: bool, done: list[str]) -> None:
    job = _Job(task_id="job", durable=durable)
    job.status = status
    store: dict[str, Any] = {} if known is None else {"remote_job_id": known}

    class Store:
        def get(self, key: str) -> Any:
            return store.get(key)

        def set(self, key: str, value: Any) -> None:
            store[key] = value

    result = job.execute({"task_state_store": Store()})
    expected = 7 if "submit" in done else known
    assert (job.done, result) == (done, f"result of {expected}")
    assert store.get("remote_job_id") == (expected if durable else known)


def test_timeout_ends_a_block_and_restores_the_signal() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(AirflowTaskTimeout, match="too long"), timeout(0.01, "too long"):
        time.sleep(5)
    with timeout(5):
        pass
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_lineage_is_counted_and_only_for_readers() -> None:
    collector, hook = HookLineageCollector(), object()
    for _ in range(2):
        collector.add_input_asset(hook, uri="s3://bucket/a")
    collector.add_output_asset(hook, name="b")
    collector.add_extra(hook, "sql", "SELECT 1")
    found = collector.collected_assets
    assert [(each.asset.uri, each.count) for each in found.inputs] == [("s3://bucket/a", 2)]
    assert [(each.key, each.value) for each in found.extra] == [("sql", "SELECT 1")]
    assert len(found.outputs) == 1
    assert collector.has_collected
    silent = get_hook_lineage_collector()
    silent.add_extra(hook, "sql", "SELECT 1")
    assert isinstance(silent, NoOpCollector)
    assert not silent.has_collected


def test_listeners_are_told_by_hook() -> None:
    told: list[Any] = []

    class Plugin:
        @hookimpl
        def on_starting(self, component: Any) -> None:
            told.append(component)

    listeners = Listeners()
    assert not listeners.has_listeners
    listeners.add_listener(Plugin())
    listeners.hook.on_starting(component="it")
    assert told == ["it"]


def test_stats_go_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="tradewind.stats"):
        Stats.incr("rows", 3, tags={"table": "t"})
        Stats.gauge("depth", 2, delta=True)
        with Stats.timer("took") as timer:
            pass
    assert [line.split()[:2] for line in caplog.messages] == [["count", "rows"], ["gauge", "depth"], ["timing", "took"]]
    assert timer.duration is not None


async def _later() -> None: ...


def test_small_functions() -> None:
    assert import_string("tradewind.sdk.strings.to_boolean") is to_boolean
    with pytest.raises(ImportError, match="does not define"):
        import_string("tradewind.sdk.strings.nothing")
    assert (qualname(to_boolean), qualname(BaseOperatorLink)) == (
        "tradewind.sdk.strings.to_boolean",
        "tradewind.sdk.operator_link.BaseOperatorLink",
    )
    assert [is_valid_dotpath(path) for path in ("a.b", "a", "a.", 1)] == [True, False, False, False]
    assert is_async_callable(partial(_later))
    assert not is_async_callable(to_boolean)
    assert [to_boolean(text) for text in ("Yes", "1", "no", None)] == [True, True, False, False]
    assert merge_dicts({"a": {"x": 1, "y": 2}, "b": 1}, {"a": {"y": 3}}) == {"a": {"x": 1, "y": 3}, "b": 1}
    assert prune_dict({"a": None, "b": [None, 0], "c": {"d": None}}) == {"b": [0], "c": {}}
    assert (exactly_one(1, 0, None), exactly_one(1, 2), at_most_one(NOTSET, 0), at_most_one(1, 2)) == (
        True,
        False,
        True,
        False,
    )
    key = TaskInstanceKey("d", "t", "r")
    assert (key.primary, key.with_try_number(3).try_number) == (("d", "t", "r", -1), 3)
    assert [is_arg_set(value) for value in (None, NOTSET, SET_DURING_EXECUTION)] == [True, False, False]
    assert KeywordParameters.determine(merge_dicts, (), {"first": {}, "x": 1}).unpacking() == {"first": {}}
