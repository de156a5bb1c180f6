"""Branches and short circuits: what they have skipped."""

import pytest

from tests.execution_api import ExecutionApi
from tests.unit.task_runner.conftest import RunSource
from tradewind.core.states import Outcome

HEAD = """
from datetime import datetime, time, timezone
from airflow.sdk import DAG, TaskGroup, task
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import BranchPythonOperator, ShortCircuitOperator
from airflow.providers.standard.operators.datetime import BranchDateTimeOperator
from airflow.providers.standard.operators.weekday import BranchDayOfWeekOperator
from airflow.providers.standard.operators.latest_only import LatestOnlyOperator
from airflow.providers.standard.utils.weekday import WeekDay
def made(t):
    a, b, c = (EmptyOperator(task_id=name) for name in "abc")
    join = EmptyOperator(task_id="join")
    t >> [a, b, c, join]
    a >> join
    with TaskGroup("g") as g:
        EmptyOperator(task_id="first") >> EmptyOperator(task_id="second")
    t >> g
with DAG("d"):
"""


def skipped(run: RunSource, api: ExecutionApi, task: str) -> list[str] | str:
    ran = run(f"{HEAD}    made({task})\n", url=api.url)
    if ran.result.outcome is not Outcome.SUCCESS:
        return ran.result.detail or ""
    effects = ran.result.effects
    return [] if effects is None else [task_id for task_id, map_index in effects.skipped if map_index == -1]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("'a'", ["b", "c", "g.first"]),  # join follows a
        ("['b', 'c']", ["a", "join", "g.first"]),
        ("'g'", ["a", "b", "c", "join"]),  # the group's first tasks
        ("None", ["a", "b", "c", "join", "g.first"]),
        ("(name for name in ('a', 'b', 'c', 'g.first'))", []),
    ],
)
def test_all_but_the_chosen_branch_is_skipped(
    run: RunSource, api: ExecutionApi, chosen: str, expected: list[str]
) -> None:
    assert skipped(run, api, f'BranchPythonOperator(task_id="t", python_callable=lambda: {chosen})') == expected


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ("'z'", "must contain only valid task_ids; DAG 'd' has no 'z'"),
        ("[1]", "must hold task IDs only, not [1]"),
        ("5", "must hold task IDs only, not [5]"),
    ],
)
def test_branch_to_nowhere_fails_and_says_where(run: RunSource, api: ExecutionApi, chosen: str, message: str) -> None:
    assert message in str(skipped(run, api, f'BranchPythonOperator(task_id="t", python_callable=lambda: {chosen})'))


def test_decorated_branch(run: RunSource, api: ExecutionApi) -> None:
    source = """
    @task.branch
    def t(): return "a"
    made(t())
"""
    ran = run(HEAD + source, url=api.url)
    assert ran.result.effects is not None
    assert ran.result.effects.skipped == (("b", -1), ("c", -1), ("g.first", -1))
    assert api.xcoms["d", "manual__1", "t", "skipmixin_key", "map_index=-1"] == {"followed": ["a", "join"]}


def test_short_circuit_skips_everything_behind(run: RunSource, api: ExecutionApi) -> None:
    everything = ["a", "b", "c", "join", "g.first", "g.second"]
    assert skipped(run, api, 'ShortCircuitOperator(task_id="t", python_callable=lambda: 0)') == everything
    assert skipped(run, api, 'ShortCircuitOperator(task_id="t", python_callable=lambda: 1)') == []


def test_short_circuit_may_leave_what_is_far_to_its_rules(run: RunSource, api: ExecutionApi) -> None:
    task = 'ShortCircuitOperator(task_id="t", python_callable=lambda: 0, ignore_downstream_trigger_rules=False)'
    assert skipped(run, api, task) == ["a", "b", "c", "join", "g.first"]


def test_short_circuit_leaves_teardowns(run: RunSource, api: ExecutionApi) -> None:
    source = """
    t = ShortCircuitOperator(task_id="t", python_callable=lambda: False)
    t >> EmptyOperator(task_id="work") >> EmptyOperator(task_id="down").as_teardown()
"""
    ran = run(HEAD + source, url=api.url)
    assert ran.result.effects is not None
    assert ran.result.effects.skipped == (("work", -1),)


DATES = 'follow_task_ids_if_true="a", follow_task_ids_if_false="b", use_task_logical_date=True'


@pytest.mark.parametrize(
    ("lower", "upper", "follows"),
    [  # the logical date is 2021-01-02 03:04:05, a Saturday
        ("datetime(2021, 1, 1)", "datetime(2021, 1, 3)", "a"),
        ("datetime(2021, 1, 3)", "None", "b"),
        ("None", "datetime(2021, 1, 1)", "b"),
        ("time(3)", "time(4)", "a"),
        ("time(4)", "time(5)", "b"),
        ("time(2)", "time(1)", "a"),  # until one o'clock of the day after
    ],
)
def test_branch_by_time(run: RunSource, api: ExecutionApi, lower: str, upper: str, follows: str) -> None:
    task = f'BranchDateTimeOperator(task_id="t", target_lower={lower}, target_upper={upper}, {DATES})'
    assert ("a" in skipped(run, api, task), "b" in skipped(run, api, task)) == (follows == "b", follows == "a")


@pytest.mark.parametrize(
    ("days", "follows"), [("'Saturday'", "a"), ("{WeekDay.MONDAY, 'sunday'}", "b"), ("WeekDay.SATURDAY", "a")]
)
def test_branch_by_day(run: RunSource, api: ExecutionApi, days: str, follows: str) -> None:
    task = f'BranchDayOfWeekOperator(task_id="t", week_day={days}, {DATES})'
    assert ("a" in skipped(run, api, task), "b" in skipped(run, api, task)) == (follows == "b", follows == "a")


def test_latest_only_lets_runs_by_hand_pass(run: RunSource, api: ExecutionApi) -> None:
    assert skipped(run, api, 'LatestOnlyOperator(task_id="t")') == []


MIXINS = f"""
from airflow.sdk import BaseOperator, BranchMixIn, SkipMixin
from airflow.sdk.bases.branch import BaseBranchOperator
from airflow.providers.standard.operators.python import BranchPythonOperator
class Skips(BaseOperator, SkipMixin):
    def execute(self, context):
        groups = self.dag.task_group_dict.values()
        self.skip(context["ti"], [*self.get_direct_relatives(upstream=False), *groups])
class Branches(BaseOperator, BranchMixIn):
    def execute(self, context):
        return self.do_branch(context, "b")
class Chosen(BranchPythonOperator):
    def choose_branch(self, context):
        assert isinstance(self, BaseBranchOperator)
        return [super().choose_branch(context), "c"]
class Elsewhere(BaseOperator):
    def execute(self, context):
        SkipMixin().skip_all_except(context["ti"], "b")
{HEAD}"""


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ('Skips(task_id="t")', ["a", "b", "c", "join", "g.first"]),
        ('Branches(task_id="t")', ["a", "c", "join", "g.first"]),
        ('Chosen(task_id="t", python_callable=lambda: "b")', ["a", "join", "g.first"]),
        ('Elsewhere(task_id="t")', ["a", "c", "join", "g.first"]),
    ],
)
def test_mixins_stand_beside_any_operator(run: RunSource, api: ExecutionApi, task: str, expected: list[str]) -> None:
    ran = run(f"{MIXINS}    made({task})\n", url=api.url)
    assert ran.result.effects is not None, ran.output
    assert [task_id for task_id, _ in ran.result.effects.skipped] == expected
