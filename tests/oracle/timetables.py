"""`python -m tests.oracle.timetables`: draws schedules at random, asks Airflow's own classes for their next runs and
writes question and answer of each into `tests/oracle/timetables.json`, which the tests of our timetables read."""

import json
import random
import subprocess
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.servers.environments import AIRFLOW, environment

T = TypeVar("T")

FACTS: Final = Path(__file__).with_name("timetables.json")
ASKING: Final = Path(__file__).with_name("timetables_of_airflow.py")
VERSION: Final = "3.3.2"
SEED: Final = 20260101
DRAWS: Final = 400

ZONES: Final = [
    *("UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "America/St_Johns", "Africa/Casablanca"),
    *("Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Auckland", "+05:30", "-03:00"),
]
CHANGES: Final = [
    datetime(2024, *moment, tzinfo=UTC)
    for moment in (
        *((3, 10, 7), (3, 31, 1), (4, 6, 15), (4, 6, 14), (9, 28, 14), (10, 5, 15), (10, 27, 1), (11, 3, 6)),
        *((2, 29, 0), (12, 31, 23)),
    )
]
"""Where clocks change somewhere, and calendars do."""
MINUTES: Final = ["0", "30", "*/15", "59", "5,35", "0-10/5"]
HOURS: Final = ["2", "1-3", "*/2", "0", "23", "2,3", "1", "3", "*/6"]
DAYS: Final = ["* * *", "1 * *", "* * 0", "L * *", "* * 1-5", "15 */3 *", "* * 5#2", "29 2 *", "* * MON", "1 * 1"]
OTHERS: Final = [
    *("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly", "0 0 30 2 *"),
    *("0 * * * *", "*/15 * * * *", "30 * * * *", "* * * * *", "*/5 * * * * */20", "0 4 * * * 15"),
]
DELTAS: Final[list[object]] = [
    *(60.0, 1800.0, 5400.5, 86400.0, 604800.0, {"months": 1}, {"months": 3}, {"years": 1}, {"months": 1, "day": 31}),
    *({"days": 2, "hours": 3}, {"months": 1, "days": 1}, {"days": 1, "hour": 3}, {"days": 1, "weekday": [0, 1]}),
]
INTERVALS: Final[list[object]] = [0.0, 0.0, 3600.0, 86400.0, {"months": 1}]


class Draw:
    """One schedule and one situation to ask it in."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    def question(self) -> dict[str, object]:
        """What a timetable is asked: its kind and data as in a DAG's spec; times as ISO text, `step` in seconds."""
        kinds = {
            "cron_trigger": self._cron_trigger,
            "cron_data_interval": self._cron,
            "cron_partition": self._cron_partition,
            "multiple_cron_trigger": self._multiple,
            "delta_trigger": lambda: {**self._delta(), "interval": self._one(INTERVALS)},
            "delta_data_interval": self._delta,
            "events": self._events,
            "once": dict[str, object],
            "continuous": dict[str, object],
        }
        makers: list[tuple[str, Callable[[], dict[str, object]]]] = list(kinds.items())
        kind, make = self._dice.choices(makers, [4, 4, 1, 2, 1, 2, 1, 1, 1])[0]
        now = self._moment()
        last = self._near(now) if self._dice.random() < 0.4 else None
        end = None if last is None else last + timedelta(seconds=self._one([0, 1800, 3600, 86400]))
        return {
            "kind": kind,
            "data": make(),
            "now": now.isoformat(),
            "step": self._one([0, 0, 1800, 3600, 86400]),
            "earliest": self._one([None, self._near(now).isoformat()]),
            "latest": self._one([None, None, self._near(now).isoformat()]),
            "catchup": self._one([True, False]),
            "last": None if last is None or end is None else [last.isoformat(), end.isoformat()],
        }

    def _one(self, of: list[T]) -> T:
        return self._dice.choice(of)

    def _moment(self) -> datetime:
        steps = [(1, 200_000), (900, 200), (1800, 12), (86_400, 400)]
        unit, count = self._one(steps)
        return self._one(CHANGES) + timedelta(seconds=unit * self._dice.randint(-count, count))

    def _near(self, now: datetime) -> datetime:
        seconds = [0, -3600, 3600, -86_400 * 3, -86_400 * 40, 86_400 * 2, -900 * self._dice.randint(0, 400)]
        return now + timedelta(seconds=self._one(seconds))

    def _expression(self) -> str:
        if self._dice.random() < 0.3:
            return self._one(OTHERS)
        return f"{self._one(MINUTES)} {self._one(HOURS)} {self._one(DAYS)}"

    def _cron(self) -> dict[str, object]:
        return {"expression": self._expression(), "timezone": self._one(ZONES)}

    def _immediately(self) -> dict[str, object]:
        return {"run_immediately": self._one([False, True, None, 600.0, 86_400.0])}

    def _cron_trigger(self) -> dict[str, object]:
        return {**self._cron(), **self._immediately(), "interval": self._one(INTERVALS)}

    def _cron_partition(self) -> dict[str, object]:
        formats = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]
        offset = self._one([0, 1, -1, 3, -2])
        return {**self._cron(), **self._immediately(), "run_offset": offset, "key_format": self._one(formats)}

    def _multiple(self) -> dict[str, object]:
        expressions = [self._expression() for _ in range(self._dice.randint(1, 3))]
        zone, interval = self._one(ZONES), self._one(INTERVALS)
        return {"expressions": expressions, "timezone": zone, "interval": interval, **self._immediately()}

    def _delta(self) -> dict[str, object]:
        return {"delta": self._one(DELTAS)}

    def _events(self) -> dict[str, object]:
        dates = sorted(self._moment().isoformat() for _ in range(self._dice.randint(0, 6)))
        return {"dates": dates, "restrict_to_events": self._one([True, False])}


def main() -> None:
    """Draw, ask, write."""
    dice = random.Random(SEED)
    questions = [Draw(dice).question() for _ in range(DRAWS)]
    program = environment("airflow", AIRFLOW) / "python"
    with tempfile.TemporaryDirectory(prefix="tradewind-timetables-") as name:
        asked, answered = Path(name, "questions.json"), Path(name, "answers.json")
        asked.write_text(json.dumps(questions))
        variables = {"AIRFLOW_HOME": name, "PATH": "/usr/bin:/bin"}
        subprocess.run([program, ASKING, asked, answered], env=variables, check=True, stdout=subprocess.DEVNULL)
        answers: list[Any] = json.loads(answered.read_text())
    lines = [json.dumps({**question, **answer}) for question, answer in zip(questions, answers, strict=True)]
    head = json.dumps({"apache-airflow-core": VERSION, "date": f"{datetime.now(UTC):%Y-%m-%d}"})
    draws = ",\n".join(lines)
    FACTS.write_text(f'{{"of": {head}, "draws": [\n{draws}\n]}}\n')


if __name__ == "__main__":
    main()
