"""What a child answers to questions about runs that people want."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from tradewind.dag_processor.requests.timetables import said_by
from tradewind.sdk import aliases
from tradewind.wire.codec import decode, encode
from tradewind.wire.messages import TimetableAnswer, TimetableQuestion

HEAD: Final = """
from datetime import datetime, timedelta
from airflow.sdk import DAG
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable
class Own(Timetable):
    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        start = restriction.earliest if last_automated_data_interval is None else last_automated_data_interval.end
        if start <= restriction.latest:
            return DagRunInfo.interval(start, start.in_timezone("Asia/Tokyo").add(days=2))
    def infer_manual_data_interval(self, *, run_after):
        return DataInterval(run_after.subtract(days=2), run_after)
class Same(Own):
    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        return DagRunInfo.exact(restriction.earliest)
    def infer_manual_data_interval(self, *, run_after):
        return DataInterval(run_after.naive(), run_after)
"""
FIRST: Final = datetime(2024, 1, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)


@pytest.fixture(autouse=True)
def _aliases() -> Generator[None]:  # pyright: ignore[reportUnusedFunction] - autouse
    yield
    aliases.uninstall()


def ask(folder: Path, kind: str, *, own: str = "Own()", last: datetime = FIRST, limit: int = 9) -> TimetableAnswer:
    file = folder / "own.py"
    file.write_text(f"{HEAD}dag = DAG('d', schedule={own})\n")
    question = TimetableQuestion("d", "own.py", kind, FIRST, last, limit)
    return decode(said_by(file, folder, encode(question)), TimetableAnswer)


def test_a_manual_interval_is_inferred(tmp_path: Path) -> None:
    assert ask(tmp_path, "manual_interval").runs == ((FIRST, FIRST - 2 * DAY, FIRST),)


def test_runs_of_the_past_follow_each_other_up_to_the_limit(tmp_path: Path) -> None:
    runs = [(FIRST + (n + 1) * 2 * DAY, FIRST + n * 2 * DAY, FIRST + (n + 1) * 2 * DAY) for n in range(4)]
    assert ask(tmp_path, "past_runs", last=FIRST + 7 * DAY).runs == tuple(runs)
    assert ask(tmp_path, "past_runs", last=FIRST + 7 * DAY, limit=2).runs == tuple(runs[:2])


def test_runs_that_are_not_over_are_left_out(tmp_path: Path) -> None:
    runs = ask(tmp_path, "past_runs", last=datetime(2100, 1, 1, tzinfo=UTC), limit=100_000).runs
    now = datetime.now(UTC)
    assert now - 2 * DAY <= runs[-1][2] < now


@pytest.mark.parametrize(
    ("own", "kind", "said"),
    [
        ("Same()", "past_runs", "DAG 'd': timetable Same: next_dagrun_info gives the same run again"),
        ("Same()", "manual_interval", "a data interval has two aware datetimes"),
        ("Timetable()", "manual_interval", "does not say what manual runs are about"),
        ("None) and 1/0 or DAG('e'", "manual_interval", "ZeroDivisionError"),
    ],
)
def test_what_goes_wrong_is_said(tmp_path: Path, own: str, kind: str, said: str) -> None:
    answer = ask(tmp_path, kind, own=own)
    assert answer.runs == ()
    assert said in (answer.error or "")


def test_a_dag_that_is_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("")
    question = TimetableQuestion("d", "own.py", "manual_interval", FIRST, FIRST)
    answer = decode(said_by(tmp_path / "own.py", tmp_path, encode(question)), TimetableAnswer)
    assert "own.py: there is no DAG 'd'" in (answer.error or "")
