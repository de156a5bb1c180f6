"""Tasks that begin by waiting for a trigger: without a worker where the trigger's arguments are known beforehand."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.execution_api import ExecutionApi
from tests.unit.task_runner.conftest import RunSource
from tradewind.core.states import Outcome
from tradewind.sdk.serialize import serialize_dag

HEAD = """
from datetime import datetime, timedelta
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator, task
from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.providers.standard.sensors.time import TimeSensor
from airflow.triggers.base import StartTriggerArgs
class Begins(BaseSensorOperator):
    template_fields = ("what", "queries")
    template_ext = (".sql",)
    start_trigger_args = StartTriggerArgs("own.Trigger", "go_on", {"other": "{{ ds }}"}, {"a": 1}, timedelta(seconds=9))
    start_from_trigger = True
    def __init__(self, what="plain", queries=(), **kwargs):
        super().__init__(**kwargs)
        self.what, self.queries = what, queries
        arguments = {"what": what, "queries": list(queries), "other": "{{ ds }}"}
        self.start_trigger_args = StartTriggerArgs("own.Trigger", "go_on", arguments, {"a": 1}, timedelta(seconds=9))
    def execute(self, context):
        return "a worker"
    def go_on(self, context, event, a):
        return [event, a]
class Missing(BaseOperator):
    start_from_trigger = True
    def execute(self, context):
        return "a worker"
with DAG("d", params={"p": "x"}) as dag:
"""


def deferral(run: RunSource, task: str, **request: Any) -> tuple[str, str, dict[str, Any]]:
    """Of the attempt's deferral: class path, next method, the trigger's arguments."""
    ran = run(f"{HEAD}    {task}\n", **request)
    assert ran.result.outcome is Outcome.DEFERRED, ran.output
    assert ran.result.effects is not None
    found = ran.result.effects.deferral
    assert found is not None
    return found.classpath, found.next_method, json.loads(found.kwargs)


@pytest.mark.parametrize(
    ("task", "classpath"),
    [
        ('Begins(task_id="t")', "own.Trigger"),
        ('DateTimeSensorAsync(task_id="t", target_time=datetime(2999, 1, 1), start_from_trigger=True)', "DateTime"),
        ('FileSensor(task_id="t", filepath="/a", deferrable=True, start_from_trigger=True)', "FileTrigger"),
        # Templates, and instances that differ: a worker works out the arguments.
        ('Begins(task_id="t", what="{{ ds }}")', None),
        ('Begins(task_id="t", queries=["{{ ds }}"])', None),
        ('Begins(task_id="t", what="query.sql")', None),
        ('DateTimeSensorAsync(task_id="t", target_time="{{ ts }}", start_from_trigger=True)', None),
        ('Begins.partial(task_id="t").expand(what=["a", "b"])', None),
        # Nothing to begin with.
        ('Missing(task_id="t")', None),
        ('DateTimeSensorAsync(task_id="t", target_time=datetime(2999, 1, 1))', None),
        ('FileSensor(task_id="t", filepath="/a", deferrable=False, start_from_trigger=True)', None),
    ],
)
def test_what_begins_without_a_worker(load: Any, task: str, classpath: str | None) -> None:
    dag = load(f"{HEAD}    {task}\n").dags["d"]
    start = serialize_dag(dag, "file.py").tasks[0].start_trigger
    assert (start is None) if classpath is None else (start is not None and classpath in str(start["classpath"]))


def test_templates_of_its_fields_are_rendered_by_a_worker(run: RunSource, tmp_path: Path) -> None:
    (tmp_path / "query.sql").write_text("SELECT '{{ params.p }}'")
    task = 'Begins(task_id="t", what="query.sql", queries=["{{ ds }}", "b"])'
    classpath, next_method, arguments = deferral(run, task)
    assert (classpath, next_method) == ("own.Trigger", "go_on")
    assert arguments == {"what": "SELECT 'x'", "queries": ["2021-01-02", "b"], "other": "{{ ds }}"}


def test_templated_moment(run: RunSource) -> None:
    task = (
        'DateTimeSensorAsync(task_id="t", target_time="{{ logical_date.isoformat() }}", start_from_trigger=True,'
        " end_from_trigger=True)"
    )
    classpath, _, arguments = deferral(run, task)
    assert classpath == "airflow.providers.standard.triggers.temporal.DateTimeTrigger"
    assert arguments == {"target_time": "2021-01-02T03:04:05+00:00", "end_from_trigger": True}


@pytest.mark.parametrize(("map_index", "what"), [(0, "a"), (1, "2021-01-02")])
def test_each_instance_waits_for_its_own(run: RunSource, api: ExecutionApi, map_index: int, what: str) -> None:
    task = 'Begins.partial(task_id="t").expand(what=["a", "{{ ds }}"])'
    assert deferral(run, task, map_index=map_index, url=api.url)[2]["what"] == what


def test_without_arguments_it_begins_in_a_worker(run: RunSource) -> None:
    assert run(f'{HEAD}    Missing(task_id="t")\n').xcoms == {"return_value": "a worker"}


def test_it_goes_on_where_it_said(run: RunSource) -> None:
    source = f'{HEAD}    Begins(task_id="t", what="{{{{ ds }}}}")\n'
    ran = run(source, next_method="go_on", next_kwargs=b'{"a": 1, "event": "now"}')
    assert ran.xcoms == {"return_value": ["now", 1]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "requires exactly one of 'moment' or 'target_time'"),
        ("moment=5", "Expected datetime.datetime type for moment. Got <class 'int'>"),
        ("moment=datetime(2021, 1, 1)", "You cannot pass naive datetimes"),
        ('target_time="soon"', "soon"),
        ("target_time=5", "Expected str or datetime.datetime type for target_time"),
    ],
)
def test_wrong_moments(run: RunSource, arguments: str, message: str) -> None:
    source = f"""
    @task
    def t():
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger
        return DateTimeTrigger({arguments}).moment
    t()
"""
    assert message in str(run(HEAD + source).result.detail)
