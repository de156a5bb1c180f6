"""Questions to people: what they ask, how an answer is taken, who is skipped."""

import json
from typing import Any

import pytest

from tests.execution_api import ExecutionApi
from tests.unit.task_runner.conftest import RunSource
from tradewind.core.states import Outcome

HEAD = """
from datetime import timedelta
from airflow.sdk import DAG, BaseNotifier, Param
from airflow.providers.standard.exceptions import HITLRejectException, HITLTimeoutError, HITLTriggerEventError
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import (
    ApprovalOperator, HITLBranchOperator, HITLEntryOperator, HITLOperator,
)
def behind(asks):
    asks >> EmptyOperator(task_id="a") >> EmptyOperator(task_id="far")
    asks >> EmptyOperator(task_id="b")
    asks >> EmptyOperator(task_id="clean").as_teardown()
with DAG("d", params={"of_the_dag": 1}) as dag:
"""
FORM = 'params={"n": Param(1, type="integer"), "why": Param(None, type=["null", "string"])}'


def answered(run: RunSource, task: str, event: dict[str, Any], **request: Any) -> Any:
    """What comes of the answer."""
    known = {"params_input": {}, "responded_by_user": {"id": "1", "name": "Ada"}, "responded_at": None}
    kwargs = json.dumps({"event": event if "error" in event else {**known, **event}}).encode()
    return run(f"{HEAD}    {task}\n", next_method="execute_complete", next_kwargs=kwargs, **request)


def skipped(ran: Any) -> list[str]:
    """The tasks that it has skipped."""
    effects = ran.result.effects
    return sorted(task_id for task_id, _ in (effects.skipped if effects else ()))


def question(run: RunSource, task: str) -> dict[str, Any]:
    """What is asked."""
    ran = run(f"{HEAD}    {task}\n")
    assert ran.result.outcome is Outcome.AWAITING_INPUT, ran.output
    assert ran.result.effects is not None
    return json.loads(ran.result.effects.human_input or b"")


def test_form_holds_the_tasks_own_params(run: RunSource) -> None:
    asked = question(run, f'HITLOperator(task_id="t", subject="?", options=["ok"], {FORM})')
    assert list(asked["params"]) == ["n", "why"]
    assert asked["params"]["n"]["value"] == 1


@pytest.mark.parametrize(
    ("arguments", "options", "defaults"),
    [
        ("", ["OK"], ["OK"]),
        ("defaults=None", ["OK"], None),
        ('options=["Send"]', ["Send"], None),
    ],
)
def test_entry_has_one_button(run: RunSource, arguments: str, options: list[str], defaults: list[str] | None) -> None:
    asked = question(run, f'HITLEntryOperator(task_id="t", subject="?", {arguments})')
    assert (asked["options"], asked["defaults"]) == (options, defaults)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"n": 2, "why": "so"}, None),
        ({}, None),
        ({"n": 2}, "does not match params ['n', 'why']"),
        ({"n": 2, "why": "so", "more": 1}, "does not match params ['n', 'why']"),
        ({"n": "two", "why": None}, "'two' is not of type 'integer'"),
    ],
)
def test_form_is_filled_in_as_a_whole(run: RunSource, typed: dict[str, Any], message: str | None) -> None:
    task = f'HITLOperator(task_id="t", subject="?", options=["ok"], {FORM})'
    ran = answered(run, task, {"chosen_options": ["ok"], "params_input": typed})
    if message is None:
        assert ran.xcoms["return_value"]["params_input"] == typed
    else:
        assert message in str(ran.result.detail)


@pytest.mark.parametrize(
    ("option", "expected"),
    [("", ["a", "b"]), ("ignore_downstream_trigger_rules=True", ["a", "b", "far"])],
)
def test_rejection_skips_but_never_teardowns(
    run: RunSource, api: ExecutionApi, option: str, expected: list[str]
) -> None:
    task = f'behind(ApprovalOperator(task_id="t", subject="?", {option}))'
    ran = answered(run, task, {"chosen_options": ["Reject"]}, url=api.url)
    assert (ran.result.outcome, skipped(ran)) == (Outcome.SUCCESS, expected)
    assert skipped(answered(run, task, {"chosen_options": ["Approve"]}, url=api.url)) == []


def test_rejection_may_be_a_failure(run: RunSource, api: ExecutionApi) -> None:
    task = 'ApprovalOperator(task_id="t", subject="?", fail_on_reject=True, retries=1)'
    ran = answered(run, task, {"chosen_options": ["Reject"]}, url=api.url)
    assert (ran.result.outcome, "HITLRejectException" in str(ran.result.detail)) == (Outcome.FAILED, True)


def test_branches_have_other_names_for_people(run: RunSource, api: ExecutionApi) -> None:
    arguments = 'options=["First", "b"], options_mapping={"First": "a"}, multiple=True'
    task = f'behind(HITLBranchOperator(task_id="t", subject="?", {arguments}))'
    assert skipped(answered(run, task, {"chosen_options": ["First"]}, url=api.url)) == ["b", "clean"]
    assert skipped(answered(run, task, {"chosen_options": ["First", "b"]}, url=api.url)) == ["clean"]


@pytest.mark.parametrize(
    ("kind", "error"), [("timeout", "HITLTimeoutError: late"), ("unknown", "HITLTriggerEventError: late")]
)
def test_wait_without_an_answer(run: RunSource, kind: str, error: str) -> None:
    task = 'HITLOperator(task_id="t", subject="?", options=["ok"])'
    ran = answered(run, task, {"error": "late", "error_type": kind})
    assert error in str(ran.result.detail)


def test_summary_for_listeners(run: RunSource, load: Any) -> None:
    loaded = load(f'{HEAD}    ApprovalOperator(task_id="t", subject="?", defaults="Reject")\n')
    assert loaded.dags["d"].get_task("t").hitl_summary == {
        "subject": "?",
        "body": None,
        "options": ["Approve", "Reject"],
        "defaults": ["Reject"],
        "multiple": False,
        "assigned_users": None,
        "serialized_params": None,
        "ignore_downstream_trigger_rules": False,
        "fail_on_reject": False,
    }


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ('ApprovalOperator(task_id="t", subject="?", options=["a"])', "Passing options to ApprovalOperator"),
        ('ApprovalOperator(task_id="t", subject="?", multiple=True)', "Passing multiple to ApprovalOperator"),
        ('HITLOperator(task_id="t", subject="?", options=["a"], params={"_options": 1})', '"_options" is not allowed'),
        (
            'HITLBranchOperator(task_id="t", subject="?", options=["a"], options_mapping={"z": "a"})',
            "keys that are not in `options`: ['z']",
        ),
        (
            'HITLBranchOperator(task_id="t", subject="?", options=["a"], options_mapping={"a": 1})',
            "values must be strings (task_ids): {'a': 1}",
        ),
    ],
)
def test_wrong_questions(run: RunSource, task: str, message: str) -> None:
    with pytest.raises(Exception, match="Traceback") as caught:
        run(f"{HEAD}    {task}\n")
    assert message in str(caught.value)
