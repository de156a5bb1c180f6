"""Tasks that make runs of other DAGs."""

import json
import re
from typing import Any

import pytest

from tests.execution_api import ExecutionApi
from tests.unit.task_runner.conftest import RunSource
from tradewind.core.states import Outcome

HEAD = """
from datetime import UTC, datetime
from airflow.sdk import DAG, Asset
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
with DAG("d", render_template_as_native_obj=False):
    TriggerDagRunOperator(task_id="t", trigger_dag_id="other", %s)
"""
MOMENT = "2030-01-02T03:04:05+00:00"


def triggered(run: RunSource, api: ExecutionApi, arguments: str) -> tuple[str, dict[str, Any]]:
    """Id and fields of the run that was asked for."""
    ran = run(HEAD % arguments, url=api.url)
    assert ran.result.outcome is Outcome.SUCCESS, ran.output
    ((dag_id, run_id), fields) = next(iter(api.dag_runs.items()))
    assert dag_id == "other"
    assert api.xcoms["d", "manual__1", "t", "trigger_run_id", "map_index=-1"] == run_id
    return run_id, fields


@pytest.mark.parametrize(
    ("arguments", "run_id"),
    [
        (f'logical_date="{MOMENT}"', re.escape(f"manual__{MOMENT}")),
        ('logical_date="{{ ts }}"', re.escape("manual__2021-01-02T03:04:05+00:00")),
        (f'logical_date="2029-01-01", run_after="{MOMENT}"', re.escape(f"manual__{MOMENT}")),
        # Without a logical date, several may start at one moment.
        (f'run_after="{MOMENT}"', re.escape(f"manual__{MOMENT}_") + "[A-Za-z0-9]{8}"),
        ("logical_date=None", r"manual__20\d\d-[^_]*_[A-Za-z0-9]{8}"),
        ("", r"manual__20\d\d-[^_]*"),
        ('trigger_run_id="{{ ds }}"', "2021-01-02"),
    ],
)
def test_run_id(run: RunSource, api: ExecutionApi, arguments: str, run_id: str) -> None:
    assert re.fullmatch(run_id, triggered(run, api, arguments)[0])


def test_what_the_run_is_given(run: RunSource, api: ExecutionApi) -> None:
    arguments = f'conf={{"day": "{{{{ ds }}}}", "n": [1]}}, run_after="{MOMENT}", note="why"'
    _, fields = triggered(run, api, arguments)
    assert fields == {"conf": {"day": "2021-01-02", "n": [1]}, "logical_date": None, "run_after": MOMENT, "note": "why"}


def test_conf_may_be_json_text(run: RunSource, api: ExecutionApi) -> None:
    assert triggered(run, api, """conf='{"day": "{{ ds }}"}'""")[1]["conf"] == {"day": "2021-01-02"}


def test_run_that_is_there_already(run: RunSource, api: ExecutionApi) -> None:
    api.dag_runs["other", "r"] = {}

    def outcome(arguments: str) -> str:
        return run(HEAD % f'trigger_run_id="r", retries=2, {arguments}', url=api.url).result.outcome

    assert outcome("") == Outcome.FAILED_WITHOUT_RETRY
    assert outcome("skip_when_already_exists=True") == Outcome.SKIPPED
    assert api.cleared_runs == []
    assert outcome("reset_dag_run=True") == Outcome.SUCCESS
    assert api.cleared_runs == [("other", "r")]


@pytest.mark.parametrize(
    ("states", "arguments", "outcome"),
    [
        (["queued", "running", "success"], "", Outcome.SUCCESS),
        (["running", "failed"], "", Outcome.FAILED),
        (["failed"], 'allowed_states=["failed"], failed_states=["success"]', Outcome.SUCCESS),
        (["success"], 'allowed_states=["failed"], failed_states=["success"]', Outcome.FAILED),
        (["failed", "success"], "failed_states=[]", Outcome.SUCCESS),
    ],
)
def test_wait_in_the_slot(
    run: RunSource, api: ExecutionApi, states: list[str], arguments: str, outcome: Outcome
) -> None:
    api.next_run_states = [*states]
    ran = run(HEAD % f"wait_for_completion=True, poke_interval=0, {arguments}", url=api.url)
    assert (ran.result.outcome, api.next_run_states) == (outcome, [])


def test_wait_without_a_slot(run: RunSource, api: ExecutionApi) -> None:
    ran = run(HEAD % 'trigger_run_id="r", wait_for_completion=True, deferrable=True, poke_interval=3', url=api.url)
    assert ran.result.outcome is Outcome.DEFERRED
    assert ran.result.effects is not None
    assert ran.result.effects.deferral is not None
    arguments = json.loads(ran.result.effects.deferral.kwargs)
    assert (arguments["run_ids"], arguments["states"], arguments["poll_interval"]) == (["r"], ["success", "failed"], 3)


@pytest.mark.parametrize(("state", "outcome"), [("success", Outcome.SUCCESS), ("failed", Outcome.FAILED)])
def test_end_of_the_wait(run: RunSource, api: ExecutionApi, state: str, outcome: Outcome) -> None:
    event = {"event": ["a.Trigger", {"run_ids": ["r"], "r": state}]}
    source = HEAD % "wait_for_completion=True, deferrable=True"
    ran = run(source, url=api.url, next_method="execute_complete", next_kwargs=json.dumps(event).encode())
    assert ran.result.outcome is outcome


def test_without_a_wait_deferrable_means_nothing(run: RunSource, api: ExecutionApi) -> None:
    triggered(run, api, "deferrable=True")


def test_its_outlets_are_told(run: RunSource, api: ExecutionApi) -> None:
    ran = run(HEAD % 'outlets=[Asset("a")]', url=api.url)
    assert ran.result.effects is not None
    assert len(ran.result.effects.asset_events) == 1


@pytest.mark.parametrize(
    ("dag", "message"),
    [({"is_paused": True}, "DagIsPaused: Dag other is paused"), (None, "Dag other is not found")],
)
def test_paused_dag_may_be_refused(
    run: RunSource, api: ExecutionApi, dag: dict[str, object] | None, message: str
) -> None:
    if dag is not None:
        api.dags["other"] = dag
    ran = run(HEAD % "fail_when_dag_is_paused=True", url=api.url)
    assert message in str(ran.result.detail)
    assert api.dag_runs == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("logical_date=5", "Expected str, datetime.datetime, or None for parameter 'logical_date'. Got int"),
        ("conf={1, 2}", "conf parameter should be JSON Serializable"),
        ('conf="{"', "conf parameter should be JSON Serializable"),
    ],
)
def test_wrong_values(run: RunSource, api: ExecutionApi, arguments: str, message: str) -> None:
    assert message in str(run(HEAD % arguments, url=api.url).result.detail)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("run_after=5", "Expected str, datetime.datetime, or None for parameter 'run_after'. Got int"),
        ('allowed_states=["done"]', "'done' is not a valid DagRunState"),
    ],
)
def test_wrong_arguments(run: RunSource, arguments: str, message: str) -> None:
    with pytest.raises(Exception, match="Traceback") as caught:
        run(HEAD % arguments)
    assert message in str(caught.value)
