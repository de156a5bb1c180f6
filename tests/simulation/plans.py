"""DAGs drawn at random, and what the imaginary user code of each try does."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from random import Random

from tradewind.core.spec import (
    AssetRef,
    DagSpec,
    LengthKind,
    MapLength,
    TaskGroupSpec,
    TaskSpec,
    TimetableSpec,
    TriggerRule,
)
from tradewind.core.states import Outcome

POOLS = {"default_pool": 128, "narrow": 2, "single": 1}
DEFERRING_POOLS = ("narrow",)
"""Pools that count deferred tasks."""

_RULES = (*(TriggerRule.ALL_SUCCESS,) * 8, *TriggerRule)
"""Mostly the default, now and then any of the 13."""
_KINDS = ("plain", "plain", "plain", "plain", "mapped", "grouped", "grouped", "setup", "branch")
_GROUP = "group"

ASSETS = (AssetRef(name="a", uri="sim://a"), AssetRef(name="b", uri="sim://b"))
SCHEDULE_SECONDS = 60
"""Runs are made by time for so long."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What one try does: how long it runs, and how it ends."""

    seconds: float
    outcome: Outcome
    map_length: int
    """Items of what a successful try returns."""
    wait_seconds: float = 0.0
    """How long a deferred or rescheduled try waits."""
    skipped: tuple[str, ...] = ()
    """Tasks that a successful branch does not choose."""


def draw_dag(rng: Random, number: int) -> DagSpec:
    """A DAG of 1 to 14 tasks with random edges, rules, retries, pools and limits; some are mapped, some set up, some
    branch, some depend on their past."""
    dag_id = f"dag_{number}"
    count = rng.randint(1, 14)
    names = [f"t{index:02}" for index in range(count)]
    upstream = {
        name: tuple(sorted(rng.sample(names[:index], k=min(index, rng.choice((0, 1, 1, 2, 3))))))
        for index, name in enumerate(names)
    }
    kinds = {name: rng.choice(_KINDS) for name in names}
    for name, above in upstream.items():
        if any(kinds[each] == "setup" for each in above) and kinds[name] == "plain" and rng.random() < 0.5:
            kinds[name] = "teardown"
    group = _draw_group(rng, names, upstream, kinds)
    has_past = rng.random() < 0.3
    tasks = [_draw_task(rng, name, upstream, kinds[name]) for name in names]
    return DagSpec(
        dag_id=dag_id,
        relative_fileloc=f"{dag_id}.py",
        tasks=tuple(_draw_gates(rng, task, has_past=has_past) for task in tasks),
        task_groups=() if group is None else (group,),
        max_active_tasks=rng.choice((1, 2, 16)),
        max_active_runs=rng.choice((1, 2, 16)),
        fail_fast=rng.random() < 0.1,
        is_paused_upon_creation=False,
    )


def _draw_group(
    rng: Random, names: Sequence[str], upstream: dict[str, tuple[str, ...]], kinds: dict[str, str]
) -> TaskGroupSpec | None:
    """A mapped group of all grouped tasks, over a literal or the first task, which is upstream of them then."""
    grouped = [name for name in names[1:] if kinds[name] == "grouped"]
    if kinds[names[0]] == "grouped":
        kinds[names[0]] = "plain"
    if not grouped:
        return None
    length = MapLength(kind=LengthKind.LITERAL, length=rng.randint(0, 3))
    if rng.random() < 0.7:
        length = MapLength(kind=LengthKind.XCOM, task_id=names[0])
        for name in grouped:
            upstream[name] = tuple(sorted({*upstream[name], names[0]}))
    return TaskGroupSpec(group_id=_GROUP, map_length=length)


def _draw_task(rng: Random, name: str, upstream: dict[str, tuple[str, ...]], kind: str) -> TaskSpec:
    pool = rng.choice(("default_pool", "default_pool", "narrow", "single"))
    rule = TriggerRule.ALL_DONE_SETUP_SUCCESS if kind == "teardown" else rng.choice(_RULES)
    # `always` has no meaning inside a mapped group: how many instances there are is what it would not wait for.
    is_lost = kind == "grouped" and rule is TriggerRule.ALWAYS
    return TaskSpec(
        task_id=name,
        task_type="BranchPythonOperator" if kind == "branch" else "BaseOperator",
        upstream_task_ids=upstream[name],
        downstream_task_ids=tuple(other for other, above in upstream.items() if name in above),
        trigger_rule=TriggerRule.ALL_DONE if is_lost else rule,
        map_length=_draw_length(rng, upstream[name]) if kind == "mapped" else None,
        task_group_id=_GROUP if kind == "grouped" else None,
        is_setup=kind == "setup",
        is_teardown=kind == "teardown",
        on_failure_fail_dagrun=rng.random() < 0.3,
        retries=rng.choice((0, 0, 1, 3)),
        retry_delay_seconds=rng.choice((0.0, 1.0, 5.0)),
        retry_exponential_backoff=rng.choice((0.0, 0.0, 2.0)),
        max_retry_delay_seconds=30.0,
        pool=pool,
        pool_slots=rng.randint(1, min(2, POOLS[pool])),
        priority_weight=rng.randint(1, 5),
        is_empty=rng.random() < 0.1 and kind != "branch",
    )


def _draw_gates(rng: Random, task: TaskSpec, *, has_past: bool) -> TaskSpec:
    return replace(
        task,
        depends_on_past=has_past and rng.random() < 0.4,
        ignore_first_depends_on_past=rng.random() < 0.5,
        wait_for_downstream=rng.random() < 0.3,
        wait_for_past_depends_before_skipping=rng.random() < 0.3,
        max_active_tis_per_dag=rng.choice((None, None, None, None, 1, 2)),
        max_active_tis_per_dagrun=rng.choice((None, None, None, None, 1, 2)),
    )


def _draw_length(rng: Random, upstream: tuple[str, ...]) -> MapLength:
    if upstream and rng.random() < 0.7:
        return MapLength(kind=LengthKind.XCOM, task_id=rng.choice(upstream))
    return MapLength(kind=LengthKind.LITERAL, length=rng.randint(0, 3))


def draw_schedule(rng: Random, spec: DagSpec, now: datetime) -> DagSpec:
    """The DAG runs by time, perhaps, and some of its tasks write assets."""
    spec = replace(spec, tasks=tuple(_draw_outlets(rng, task) for task in spec.tasks))
    if rng.random() < 0.7:
        return spec
    return replace(
        spec,
        timetable=TimetableSpec(kind="delta_data_interval", data={"delta": rng.choice((20, 30, 60))}),
        start_date=now,
        end_date=now + timedelta(seconds=SCHEDULE_SECONDS),
        catchup=rng.random() < 0.7,
    )


def _draw_outlets(rng: Random, task: TaskSpec) -> TaskSpec:
    if task.is_empty or rng.random() < 0.85:
        return task
    return replace(task, outlets=tuple(rng.sample(ASSETS, rng.choice((1, 2)))))


def draw_condition(rng: Random, spec: DagSpec) -> DagSpec:
    """The DAG runs whenever assets have been written."""
    parts = [{"asset": {"name": ref.name, "uri": ref.uri, "group": ref.group}} for ref in ASSETS]
    return replace(
        spec,
        timetable=TimetableSpec(kind="assets"),
        asset_condition={rng.choice(("all", "any")): parts},
        schedule_assets=ASSETS,
    )


def asset_events(task: TaskSpec) -> tuple[bytes, ...]:
    """What a success of the task says."""
    return tuple(
        json.dumps({"asset": {"name": ref.name, "uri": ref.uri}, "extra": {}}).encode() for ref in task.outlets
    )


def behaviour(
    seed: int, spec: DagSpec, run_id: str, task_id: str, try_number: int, map_index: int, *, has_waited: bool
) -> Behaviour:
    """What this try does; the same whenever and wherever it runs. It waits once at most."""
    name = f"{seed}/{spec.dag_id}/{run_id}/{task_id}/{try_number}/{map_index}/{has_waited}"
    rng = Random(int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big"))
    weights: Mapping[Outcome, int] = {
        Outcome.SUCCESS: 76,
        Outcome.FAILED: 11,
        Outcome.SKIPPED: 5,
        Outcome.FAILED_WITHOUT_RETRY: 2,
        Outcome.DEFERRED: 0 if has_waited else 8,
        Outcome.RESCHEDULED: 0 if has_waited else 4,
    }
    outcome = rng.choices(tuple(weights), weights=tuple(weights.values()))[0]
    task = next(task for task in spec.tasks if task.task_id == task_id)
    is_branch = task.task_type == "BranchPythonOperator" and outcome is Outcome.SUCCESS
    below = task.downstream_task_ids
    return Behaviour(
        seconds=rng.choice((0.0, 0.02, 0.3, 2.0, 2.0, 15.0)),
        outcome=outcome,
        map_length=rng.choice((0, 1, 2, 2, 3, 5)),
        wait_seconds=rng.choice((0.1, 3.0, 20.0)),
        skipped=tuple(each for each in below if rng.random() < 0.5) if is_branch else (),
    )
