"""What a child answers to questions about a DAG file."""

import re
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tradewind.core.dag_requests import DagRequest, RequestedRun, RequestKind, UnheardEnd, delay_after
from tradewind.core.timetables.values import DataInterval, NextRun
from tradewind.dag_processor.requests.answers import Answer
from tradewind.dag_processor.requests.child import answer_in
from tradewind.sdk import aliases

HEAD = """
from datetime import datetime, timedelta
from airflow.sdk import DAG
from airflow.timetables.base import DagRunInfo, Timetable
def make(answer):
    class Own(Timetable):
        def next_dagrun_info(self, *, last_automated_data_interval, restriction):
            return answer(last_automated_data_interval, restriction)
    return Own()
"""
LAST = DataInterval(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC))
RUN = RequestedRun(
    run_id="r",
    run_type="manual",
    state="success",
    logical_date=LAST.start,
    data_interval_start=None,
    data_interval_end=None,
    run_after=LAST.start,
    queued_at=LAST.start,
    start_date=None,
    end_date=None,
    triggered_by="rest_api",
    triggering_user_name=None,
    conf=b'{"a": 1}',
)


@pytest.fixture(autouse=True)
def _aliases() -> Generator[None]:  # pyright: ignore[reportUnusedFunction] - autouse
    yield
    aliases.uninstall()


def ask(
    folder: Path,
    text: str,
    kind: RequestKind = RequestKind.NEXT_RUN,
    run: RequestedRun | None = None,
    reason: str | None = None,
) -> Answer:
    file = folder / "own.py"
    file.write_text(HEAD + text)
    request = DagRequest(
        id=1,
        generation=0,
        attempts=1,
        dag_id="d",
        kind=kind,
        relative_fileloc="own.py",
        reason=reason,
        last=LAST,
        run=run,
    )
    return msgspec.json.decode(answer_in(file, folder, msgspec.json.encode(request)), type=Answer)


def test_the_next_run_comes_in_utc(tmp_path: Path) -> None:
    text = (
        "def answer(last, restriction):\n"
        "    assert restriction.catchup and str(restriction.earliest) == '2023-12-31 23:00:00+00:00'\n"
        "    return DagRunInfo.interval(last.end.in_timezone('Asia/Tokyo'), last.end.add(hours=1))\n"
        "import pendulum\n"
        "start = pendulum.datetime(2024, 1, 1, tz='Europe/Paris')\n"
        "dag = DAG('d', schedule=make(answer), start_date=start, catchup=True)\n"
    )
    start, end = LAST.end, datetime(2024, 1, 2, 1, tzinfo=UTC)
    assert ask(tmp_path, text) == Answer(next_run=NextRun.of_interval(start, end))


CALLED = """
heard = []
def note(context):
    ti, run = context["ti"], context["dag_run"]
    heard.append([ti.task_id, ti.map_index, ti.try_number, str(ti.state), str(context["exception"]), run.conf,
                  context["ds"], context["params"]["a"], ti.end_date is not None])
def ask(context):
    context["ti"].get_previous_dagrun()
def tell(context):
    raise RuntimeError(repr(heard))
with DAG("d", params={"a": 0}):
    from airflow.sdk import BaseOperator
    BaseOperator(task_id="t", on_failure_callback=[note, ask, tell], on_retry_callback=[note, tell])
"""


@pytest.mark.parametrize(("state", "try_number"), [("failed", 2), ("up_for_retry", 1)])
def test_who_could_not_be_told_by_the_tasks_process_is_told(tmp_path: Path, state: str, try_number: int) -> None:
    unheard = UnheardEnd(
        task_id="t",
        map_index=-1,
        try_number=try_number,
        max_tries=1,
        state=state,
        detail="worker lost",
        ended_at="2024-01-01T00:00:09+00:00",
    )
    answer = ask(tmp_path, CALLED, RequestKind.TASK_CALLBACK, RUN, unheard.as_text())
    assert answer.error is not None
    heard = ["t", -1, try_number, state, "worker lost", {"a": 1}, "2024-01-01", 1, True]
    assert f"RuntimeError: {[heard]!r}" in answer.error
    assert ("the attempt is over, its callbacks cannot ask for anything" in answer.error) == (state == "failed")


def test_task_that_is_gone_is_named(tmp_path: Path) -> None:
    unheard = UnheardEnd(
        task_id="gone", map_index=-1, try_number=1, max_tries=0, state="failed", detail="", ended_at="2024-01-01"
    )
    answer = ask(tmp_path, CALLED, RequestKind.TASK_CALLBACK, RUN, unheard.as_text())
    assert answer == Answer(error="DAG 'd' has no task 'gone' any more")


def test_none_is_an_answer(tmp_path: Path) -> None:
    assert ask(tmp_path, "dag = DAG('d', schedule=make(lambda *_: None))\n") == Answer()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dag = DAG('d', schedule=make(lambda *_: 1 / 0))\n", "ZeroDivisionError"),
        (
            "dag = DAG('d', schedule=make(lambda *_: 5))\n",
            "DAG 'd': timetable .*Own: .* must give a DagRunInfo or None",
        ),
        (
            "dag = DAG('d', schedule=make(lambda *_: DagRunInfo.exact(datetime(2024, 1, 1))))\n",
            "DAG 'd': timetable .*Own: .* must give aware datetimes",
        ),
        ("dag = DAG('other')\n", "own.py: there is no DAG 'd'"),
        ("import nothing_of_this_name\n", "nothing_of_this_name"),
        ("raise SystemExit\n", "SystemExit"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    answer = ask(tmp_path, text)
    assert answer.next_run is None
    assert answer.error is not None
    assert re.search(said, answer.error)


def test_each_callback_hears_of_the_run_whatever_the_others_do(tmp_path: Path) -> None:
    text = (
        "import json\n"
        "from pathlib import Path\n"
        "def fails(context): raise ValueError('mine')\n"
        "def hears(context):\n"
        f"    Path({str(tmp_path / 'heard')!r}).write_text(json.dumps([context['run_id'], context['ds'],\n"
        "        context['dag_run'].conf, context['params'], 'ti' in context]))\n"
        "dag = DAG('d', on_success_callback=[fails, hears], params={'a': 0, 'b': 2})\n"
    )
    answer = ask(tmp_path, text, RequestKind.DAG_CALLBACK, RUN)
    assert answer.error is not None
    assert "ValueError: mine" in answer.error
    assert (tmp_path / "heard").read_text() == '["r", "2024-01-01", {"a": 1}, {"a": 1, "b": 2}, false]'


def test_what_cannot_be_answered_is_put_off_for_longer_each_time_but_not_for_ever() -> None:
    delays = [delay_after(attempts).total_seconds() for attempts in (1, 2, 3, 20, 1000)]
    assert delays == [5, 10, 20, 600, 600]
