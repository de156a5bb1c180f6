"""Sensors: they poke until it holds, in their slot, between reschedules, or in the triggerer."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.task_runner.conftest import RunSource
from tradewind.core.states import Outcome

HEAD = """
from datetime import datetime, time, timedelta
from airflow.sdk import DAG, BaseSensorOperator, PokeReturnValue, task
from airflow.exceptions import AirflowFailException, AirflowSkipException
from airflow.providers.standard.sensors.bash import BashSensor
from airflow.providers.standard.sensors.date_time import DateTimeSensor, DateTimeSensorAsync
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.providers.standard.sensors.python import PythonSensor
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor, WaitSensor
class Sensor(BaseSensorOperator):
    def __init__(self, answers, **kwargs):
        super().__init__(**kwargs)
        self.answers = iter(answers)
    def poke(self, context):
        answer = next(self.answers)
        if isinstance(answer, Exception): raise answer
        return answer
with DAG("d", start_date=datetime(2021, 1, 1)):
    """


def test_pokes_until_it_holds_and_pushes_what_the_poke_says(run: RunSource) -> None:
    ran = run(HEAD + 'Sensor(task_id="t", answers=[False, 0, PokeReturnValue(True, "found")], poke_interval=0)')
    assert (ran.result.outcome, ran.xcoms) == (Outcome.SUCCESS, {"return_value": "found"})


def test_reschedule_gives_the_slot_back(run: RunSource) -> None:
    before = datetime.now(UTC)
    ran = run(HEAD + 'Sensor(task_id="t", answers=[False], mode="reschedule", poke_interval=30)')
    assert ran.result.outcome is Outcome.RESCHEDULED
    assert ran.result.effects is not None
    assert ran.result.effects.reschedule_at is not None
    assert 29 < (ran.result.effects.reschedule_at - before).total_seconds() < 60


def test_timeout_counts_from_the_first_poke(run: RunSource) -> None:
    source = HEAD + 'Sensor(task_id="t", answers=[False], mode="reschedule", timeout=60, retries=3)'
    first = datetime.now(UTC) - timedelta(seconds=61)
    ran = run(source, first_start_date=first, task_reschedule_count=2)
    assert ran.result.outcome is Outcome.FAILED_WITHOUT_RETRY
    assert "Sensor has timed out" in str(ran.result.detail)
    soft = run(source.replace("retries=3", "soft_fail=True"), first_start_date=first, task_reschedule_count=2)
    assert soft.result.outcome is Outcome.SKIPPED


@pytest.mark.parametrize(
    ("option", "outcome"),
    [
        ("", Outcome.FAILED),
        ("soft_fail=True", Outcome.FAILED),
        ("never_fail=True", Outcome.SKIPPED),
        ("silent_fail=True", Outcome.SUCCESS),
    ],
)
def test_error_of_a_poke(run: RunSource, option: str, outcome: Outcome) -> None:
    ran = run(HEAD + f'Sensor(task_id="t", answers=[ValueError("no"), True], poke_interval=0, {option})')
    assert ran.result.outcome is outcome


@pytest.mark.parametrize(
    ("option", "outcome"), [("", Outcome.FAILED_WITHOUT_RETRY), ("soft_fail=True", Outcome.SKIPPED)]
)
def test_final_error_of_a_poke(run: RunSource, option: str, outcome: Outcome) -> None:
    ran = run(HEAD + f'Sensor(task_id="t", answers=[AirflowFailException("no")], {option})')
    assert ran.result.outcome is outcome


def test_intervals_grow_up_to_their_limit(run: RunSource) -> None:
    options = 'mode="reschedule", poke_interval=10, exponential_backoff=True, max_wait=25'
    source = HEAD + f'Sensor(task_id="t", answers=[False], {options})'
    waits: list[float] = []
    for seconds in (0, 30, 1000):
        now = datetime.now(UTC)
        ran = run(source, first_start_date=now - timedelta(seconds=seconds), task_reschedule_count=1)
        assert ran.result.effects is not None
        assert ran.result.effects.reschedule_at is not None
        waits.append((ran.result.effects.reschedule_at - now).total_seconds())
    assert waits[0] < waits[-1]
    assert waits[-1] < 26


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("poke_interval=-1", "`poke_interval` must be timedelta object or a non-negative number, not -1"),
        ("timeout=timedelta(seconds=-1)", "`timeout` must be timedelta object or a non-negative number"),
        ('max_wait="1"', "`max_wait` must be timedelta object or a non-negative number, not '1'"),
        ('mode="sleep"', "The mode of task 't' must be one of ('poke', 'reschedule'), not 'sleep'"),
        ("soft_fail=True, never_fail=True", "mutually exclusive"),
    ],
)
def test_wrong_arguments_are_named(run: RunSource, arguments: str, message: str) -> None:
    with pytest.raises(Exception, match="Traceback") as caught:
        run(HEAD + f'Sensor(task_id="t", answers=[], {arguments})')
    assert message in str(caught.value)


def test_python_sensor_gets_the_context(run: RunSource) -> None:
    arguments = 'op_args=[], op_kwargs={"wanted": "{{ ds }}"}'
    source = f'PythonSensor(task_id="t", python_callable=lambda ds, wanted: ds == wanted, {arguments})'
    assert run(HEAD + source).result.outcome is Outcome.SUCCESS


def test_bash_sensor_tells_not_yet_from_broken(run: RunSource, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    command = f"test -e {mark} || {{ touch {mark}; exit 1; }}"
    assert (
        run(HEAD + f'BashSensor(task_id="t", bash_command={command!r}, poke_interval=0)').result.outcome
        is Outcome.SUCCESS
    )
    broken = run(HEAD + 'BashSensor(task_id="t", bash_command="exit 3", retry_exit_code=1)')
    assert broken.result.outcome is Outcome.FAILED_WITHOUT_RETRY


def test_times(run: RunSource) -> None:
    for sensor in (
        'DateTimeSensor(task_id="t", target_time="{{ ds }}")',
        'TimeDeltaSensor(task_id="t", delta=timedelta(seconds=1))',
        'WaitSensor(task_id="t", time_to_wait=timedelta(0))',
    ):
        assert run(HEAD + sensor).result.outcome is Outcome.SUCCESS, sensor


def test_deferrable_sensors_wait_in_the_triggerer(run: RunSource) -> None:
    ran = run(HEAD + 'DateTimeSensorAsync(task_id="t", target_time=datetime(2999, 1, 1))')
    assert ran.result.outcome is Outcome.DEFERRED
    assert ran.result.effects is not None
    deferral = ran.result.effects.deferral
    assert deferral is not None
    assert deferral.classpath == "airflow.providers.standard.triggers.temporal.DateTimeTrigger"
    assert json.loads(deferral.kwargs)["end_from_trigger"] is False
    resumed = run(
        HEAD + 'DateTimeSensorAsync(task_id="t", target_time=datetime(2999, 1, 1))',
        next_method="execute_complete",
        next_kwargs=b'{"event": null}',
    )
    assert resumed.result.outcome is Outcome.SUCCESS


def test_deferred_sensor_that_took_too_long(run: RunSource) -> None:
    failed: dict[str, Any] = {"next_method": "__fail__", "next_kwargs": b'{"error": "Trigger timeout"}'}
    source = HEAD + 'FileSensor(task_id="t", filepath="/no/such/file", deferrable=True, retries=2, soft_fail={soft})'
    assert run(source.replace("{soft}", "False"), **failed).result.outcome is Outcome.FAILED_WITHOUT_RETRY
    assert run(source.replace("{soft}", "True"), **failed).result.outcome is Outcome.SKIPPED


def test_decorated_sensor(run: RunSource) -> None:
    source = """
    @task.sensor(poke_interval=0, mode="poke")
    def t(): return PokeReturnValue(is_done=True, xcom_value=7)
    t()
"""
    assert run(HEAD + "pass\n" + source).xcoms == {"return_value": 7}
