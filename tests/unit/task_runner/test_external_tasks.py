"""Sensors of other DAGs: which dates they look at, what ends the wait, and how."""

import json
from typing import Any

import pytest

from tests.execution_api import ExecutionApi
from tests.unit.task_runner.conftest import RunSource
from tradewind.core.states import Outcome

HEAD = """
from datetime import UTC, datetime, timedelta
from airflow.sdk import DAG
from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
def at(logical_date, ds, dag_run, context):
    assert context["ds"] == ds and dag_run.run_id
    return [logical_date - timedelta(hours=1), logical_date - timedelta(hours=2)]
with DAG("d"):
    ExternalTaskSensor(task_id="t", external_dag_id="other", poke_interval=0, timeout=0, %s)
"""
NOW = "2021-01-02T03:04:05+00:00"
ONE, TWO = "2021-01-02T02:04:05+00:00", "2021-01-02T01:04:05+00:00"
FAILED_STATES = 'failed_states=["failed"]'


@pytest.mark.parametrize(
    ("arguments", "runs", "outcome"),
    [
        ("", {NOW: {"": "success"}}, Outcome.SUCCESS),
        ("", {NOW: {"": "running"}}, Outcome.FAILED_WITHOUT_RETRY),
        ("", {ONE: {"": "success"}}, Outcome.FAILED_WITHOUT_RETRY),
        ("execution_delta=timedelta(hours=1)", {ONE: {"": "success"}}, Outcome.SUCCESS),
        ("execution_date_fn=at", {ONE: {"": "success"}, TWO: {"": "success"}}, Outcome.SUCCESS),
        ("execution_date_fn=at", {ONE: {"": "success"}, TWO: {"": "running"}}, Outcome.FAILED_WITHOUT_RETRY),
        ('external_task_id="a"', {NOW: {"a": "success"}}, Outcome.SUCCESS),
        ('external_task_ids=["a", "b"]', {NOW: {"a": "success", "b": "success"}}, Outcome.SUCCESS),
        ('external_task_ids=["a", "b"]', {NOW: {"a": "success", "b": "running"}}, Outcome.FAILED_WITHOUT_RETRY),
        ('external_task_id="a", allowed_states=["success", "skipped"]', {NOW: {"a": "skipped"}}, Outcome.SUCCESS),
        ('external_task_group_id="g"', {NOW: {"g.a": "success", "g.b": "success"}}, Outcome.SUCCESS),
        ('external_task_group_id="g"', {NOW: {"g.a": "success", "g.b": "failed"}}, Outcome.FAILED_WITHOUT_RETRY),
        ('external_task_id="a", skipped_states=["skipped"]', {NOW: {"a": "skipped"}}, Outcome.SKIPPED),
    ],
)
def test_waits_until_all_are_there(
    run: RunSource, api: ExecutionApi, arguments: str, runs: dict[str, dict[str, str]], outcome: Outcome
) -> None:
    api.task_states_by_run = runs
    assert run(HEAD % arguments, url=api.url).result.outcome is outcome


@pytest.mark.parametrize(
    ("arguments", "states", "error"),
    [
        ("", {"": "failed"}, "ExternalDagFailedError"),
        ('external_task_id="a"', {"a": "failed"}, "ExternalTaskFailedError"),
        # Of a group, the run counts once all of it is in one of the states.
        ('external_task_group_id="g"', {"g.a": "failed", "g.b": "failed"}, "ExternalTaskGroupFailedError"),
    ],
)
def test_failure_ends_the_wait(
    run: RunSource, api: ExecutionApi, arguments: str, states: dict[str, str], error: str
) -> None:
    api.task_states_by_run = {NOW: states}
    ran = run(HEAD % f"{FAILED_STATES}, {arguments}", url=api.url)
    assert (ran.result.outcome, error in str(ran.result.detail)) == (Outcome.FAILED, True)
    soft = run(HEAD % f"{FAILED_STATES}, soft_fail=True, {arguments}", url=api.url)
    assert soft.result.outcome is Outcome.SKIPPED


def test_dag_that_does_not_exist_is_not_waited_for(run: RunSource, api: ExecutionApi) -> None:
    for more in ("", ", deferrable=True"):
        ran = run(HEAD % f"check_existence=True{more}", url=api.url)
        assert "ExternalDagNotFoundError: The external DAG other does not exist" in str(ran.result.detail)
    api.dags["other"] = {"dag_id": "other"}
    api.task_states_by_run = {NOW: {"": "success"}}
    assert run(HEAD % "check_existence=True", url=api.url).result.outcome is Outcome.SUCCESS


def test_what_its_trigger_looks_for(run: RunSource, api: ExecutionApi) -> None:
    arguments = f'deferrable=True, external_task_ids=["{{{{ ds }}}}"], execution_date_fn=at, {FAILED_STATES}'
    ran = run((HEAD % arguments).replace("timeout=0", "timeout=60"), url=api.url)
    assert ran.result.effects is not None
    assert ran.result.effects.deferral is not None
    found = json.loads(ran.result.effects.deferral.kwargs)
    assert (found["external_dag_id"], found["external_task_ids"]) == ("other", ["2021-01-02"])
    assert (found["allowed_states"], found["failed_states"]) == (["success"], ["failed"])
    assert len(found["logical_dates"]) == 2


@pytest.mark.parametrize(
    ("event", "soft", "outcome", "error"),
    [
        ({"status": "success"}, False, Outcome.SUCCESS, ""),
        ({"status": "skipped"}, False, Outcome.SKIPPED, ""),
        ({"status": "failed"}, False, Outcome.FAILED, "ExternalDagFailedError"),
        ({"status": "failed"}, True, Outcome.SKIPPED, ""),
        ({"status": "error"}, False, Outcome.FAILED, "ExternalTaskNotFoundError"),
        ({"status": "error"}, True, Outcome.SKIPPED, ""),
        (None, False, Outcome.FAILED, "ExternalTaskNotFoundError: No event received from trigger"),
    ],
)
def test_what_the_trigger_says(
    run: RunSource, api: ExecutionApi, event: dict[str, Any] | None, soft: bool, outcome: Outcome, error: str
) -> None:
    kwargs = json.dumps({"event": event}).encode()
    source = HEAD % f"deferrable=True, soft_fail={soft}"
    ran = run(source, url=api.url, next_method="execute_complete", next_kwargs=kwargs)
    assert ran.result.outcome is outcome
    assert error in str(ran.result.detail)
