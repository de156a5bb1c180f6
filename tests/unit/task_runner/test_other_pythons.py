"""Functions that run in another Python, questions to people, runs of other DAGs."""

import json
import sys
from typing import Any

import pytest

from tests.execution_api import ExecutionApi
from tests.unit.task_runner.conftest import RunSource
from tradewind.core.states import Outcome

HEAD = f"""
import sys
from airflow.sdk import DAG, BaseNotifier, Param, task
from airflow.providers.standard.operators.hitl import (
    ApprovalOperator, HITLBranchOperator, HITLEntryOperator, HITLOperator,
)
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import ExternalPythonOperator, PythonVirtualenvOperator
PYTHON = {sys.executable!r}
with DAG("d") as dag:
"""


def test_function_runs_in_the_python_given(run: RunSource) -> None:
    source = """
    @task.external_python(python=PYTHON)
    def t(n, ds=None):
        import sys
        print("from there")
        return [n, ds, sys.argv[0].endswith("script.py")]
    t(5)
"""
    ran = run(HEAD + source)
    assert ran.result.detail is None
    assert ran.xcoms["return_value"] == [5, "2021-01-02", True]
    assert "from there" in ran.events


def test_its_failure_is_the_tasks(run: RunSource) -> None:
    source = """
    @task.external_python(python=PYTHON, skip_on_exit_code=7)
    def t(code): raise SystemExit(code)
    t({code})
"""
    failed = run(HEAD + source.replace("{code}", "3"))
    assert failed.result.outcome is Outcome.FAILED
    assert "Process returned non-zero exit status 3." in str(failed.result.detail)
    assert run(HEAD + source.replace("{code}", "7")).result.outcome is Outcome.SKIPPED


def test_python_that_is_not_there(run: RunSource) -> None:
    ran = run(
        HEAD
        + '    ExternalPythonOperator(task_id="t", python="/no/python", python_callable=print_it)\n'.replace(
            "print_it", "BaseNotifier.notify"
        )
    )
    assert "Python Path '/no/python' of task 't' must be an existing file" in str(ran.result.detail)


def test_virtual_environment_without_requirements(run: RunSource) -> None:
    source = """
    @task.virtualenv(system_site_packages=False)
    def t():
        import sys
        return sys.prefix != sys.base_prefix
    t()
"""
    assert run(HEAD + source).xcoms["return_value"] is True


QUESTION = """
    HITLOperator(task_id="t", subject="Go {{ ds }}?", options=["yes", "no"], params={"why": Param("", type="string")})
"""


def test_question_waits_for_a_person(run: RunSource) -> None:
    ran = run(HEAD + QUESTION)
    assert ran.result.outcome is Outcome.AWAITING_INPUT
    assert ran.result.effects is not None
    question = json.loads(ran.result.effects.human_input or b"")
    assert (question["subject"], question["options"], question["multiple"]) == ("Go 2021-01-02?", ["yes", "no"], False)
    assert question["params"]["why"]["schema"] == {"type": "string"}


def test_answer_is_the_return_value(run: RunSource) -> None:
    event = {"chosen_options": ["yes"], "params_input": {"why": "because"}, "responded_by_user": {"id": "1"}}
    answered: dict[str, Any] = {"next_method": "execute_complete", "next_kwargs": json.dumps({"event": event}).encode()}
    ran = run(HEAD + QUESTION, **answered)
    assert ran.result.detail is None
    value = ran.xcoms["return_value"]
    assert (value["chosen_options"], value["params_input"]) == (["yes"], {"why": "because"})
    wrong = {"event": {**event, "chosen_options": ["perhaps"]}}
    refused = run(HEAD + QUESTION, next_method="execute_complete", next_kwargs=json.dumps(wrong).encode())
    assert "Responses ['perhaps'] not in ['yes', 'no']" in str(refused.result.detail)


@pytest.mark.parametrize(
    ("option", "outcome", "skips"),
    [("", Outcome.SUCCESS, ("behind",)), ("fail_on_reject=True", Outcome.FAILED, ())],
)
def test_rejection(run: RunSource, api: ExecutionApi, option: str, outcome: Outcome, skips: tuple[str, ...]) -> None:
    source = f'    ApprovalOperator(task_id="t", subject="?", {option}) >> EmptyOperator(task_id="behind")\n'
    event: dict[str, Any] = {"event": {"chosen_options": ["Reject"], "params_input": {}}}
    answered: dict[str, Any] = {"next_method": "execute_complete", "next_kwargs": json.dumps(event).encode()}
    ran = run(HEAD + source, url=api.url, **answered)
    assert ran.result.outcome is outcome
    effects = ran.result.effects
    assert tuple(task_id for task_id, _ in (effects.skipped if effects else ())) == skips


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("options=[]", '"options" cannot be empty'),
        ('options=["a"], defaults="b"', "defaults ['b'] are not among the options ['a']"),
        ('options=["a", "b"], defaults=["a", "b"]', 'more than one default, but "multiple" is False'),
    ],
)
def test_wrong_question(run: RunSource, arguments: str, message: str) -> None:
    with pytest.raises(Exception, match="Traceback") as caught:
        run(HEAD + f'    HITLOperator(task_id="t", subject="?", {arguments})\n')
    assert message in str(caught.value)


def test_run_of_another_dag(run: RunSource, api: ExecutionApi) -> None:
    source = """
    from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
    TriggerDagRunOperator(task_id="t", trigger_dag_id="other", conf={"at": "{{ ds }}"}, logical_date="{{ ts }}")
"""
    ran = run(HEAD + source, url=api.url)
    assert ran.result.detail is None
    assert ran.result.outcome is Outcome.SUCCESS
