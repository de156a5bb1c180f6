"""What a child answers to questions about a DAG file."""

import re
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tradewind.core.dag_requests import DagRequest, RequestedRun, RequestKind, delay_after
from tradewind.core.timetables.values import DataInterval, NextRun
from tradewind.dag_processor.requests.child import Answer, answer_in
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


def ask(folder: Path, text: str, kind: RequestKind = RequestKind.NEXT_RUN, run: RequestedRun | None = None) -> Answer:
    file = folder / "own.py"
    file.write_text(HEAD + text)
    request = DagRequest(
        id=1, generation=0, attempts=1, dag_id="d", kind=kind, relative_fileloc="own.py", last=LAST, run=run
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
