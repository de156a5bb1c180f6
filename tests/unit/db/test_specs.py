"""Stored specs: what makes a version, and how many are held."""

from dataclasses import replace
from datetime import UTC, datetime

from tests.dag_specs import dag, task
from tests.store_driver import number
from tradewind.core.spec import TaskSpec, TriggerRule
from tradewind.db.specs import SpecCache, load_spec, stored_spec, structure_digest

SPEC = dag(task("a"), task("b", "a", retries=2, trigger_rule=TriggerRule.ALL_DONE), params={"x": {"value": [1, None]}})


def test_a_spec_survives_storage() -> None:
    spec = replace(SPEC, start_date=datetime(2030, 1, 1, tzinfo=UTC), tags=("x", "y"))
    assert load_spec(stored_spec(spec).text) == spec


def test_what_people_read_makes_no_version() -> None:
    texts = replace(SPEC, doc_md="d", description="d", tags=("t",), owners=("o",))
    texts = replace(texts, tasks=tuple(replace(each, doc_md="d", owner="o", ui_color="#000") for each in texts.tasks))
    assert structure_digest(texts) == structure_digest(SPEC)


def test_what_decides_makes_a_version() -> None:
    digests = [
        structure_digest(spec)
        for spec in (
            SPEC,
            replace(SPEC, max_active_runs=1),
            replace(SPEC, relative_fileloc="other.py"),
            replace(SPEC, params={}),
            dag(task("a"), task("b", "a", retries=3, trigger_rule=TriggerRule.ALL_DONE)),
            dag(task("a"), task("b", retries=2, trigger_rule=TriggerRule.ALL_DONE)),
        )
    ]
    assert len(dict.fromkeys(digests)) == len(digests)


def test_a_field_that_keeps_its_default_makes_no_version() -> None:
    """So that a later release, whose specs have more fields, does not make a version of every DAG."""
    assert structure_digest(load_spec('{"dag_id": "dag", "relative_fileloc": "dag.py"}')) == structure_digest(dag())


def test_the_cache_lets_go_of_what_was_used_longest_ago() -> None:
    cache = SpecCache(max_tasks=4)
    first, second, third = number(1), number(2), number(3)
    cache.put(first, SPEC)
    cache.put(second, SPEC)
    assert cache.task(first, "b").retries == 2
    cache.put(third, SPEC)
    assert cache.missing([first, second, third, second]) == [second]
    cache.put(second, dag(*(task(f"t{n}") for n in range(9))))
    assert cache.missing([first, second, third]) == [first, third]


def test_a_task_that_the_version_does_not_know_is_a_plain_one() -> None:
    cache = SpecCache()
    assert cache.task(number(1), "t") == TaskSpec(task_id="t")
    cache.put(number(1), SPEC)
    assert cache.task(number(1), "t") == TaskSpec(task_id="t")
