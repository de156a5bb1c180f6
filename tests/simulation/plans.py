"""DAGs drawn at random, and what the imaginary user code of each try does."""

from dataclasses import dataclass
from hashlib import blake2b
from random import Random

from tradewind.core.spec import DagSpec, LengthKind, MapLength, TaskSpec, TriggerRule
from tradewind.core.states import Outcome

POOLS = {"default_pool": 128, "narrow": 2, "single": 1}

_RULES = (*(TriggerRule.ALL_SUCCESS,) * 8, *TriggerRule)
"""Mostly the default, now and then any of the 13."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What one try does: how long it runs, and how it ends."""

    seconds: float
    outcome: Outcome
    map_length: int
    """Items of what a successful try returns."""


def draw_dag(rng: Random, number: int) -> DagSpec:
    """A DAG of 1 to 14 tasks with random edges, rules, retries, pools and limits; some are mapped, some set up."""
    dag_id = f"dag_{number}"
    count = rng.randint(1, 14)
    names = [f"t{index:02}" for index in range(count)]
    upstream = {
        name: tuple(sorted(rng.sample(names[:index], k=min(index, rng.choice((0, 1, 1, 2, 3))))))
        for index, name in enumerate(names)
    }
    kinds = {name: rng.choice(("plain", "plain", "plain", "mapped", "setup")) for name in names}
    for name, above in upstream.items():
        if any(kinds[each] == "setup" for each in above) and kinds[name] == "plain" and rng.random() < 0.5:
            kinds[name] = "teardown"
    tasks = tuple(_draw_task(rng, name, upstream, kinds[name]) for name in names)
    return DagSpec(
        dag_id=dag_id,
        relative_fileloc=f"{dag_id}.py",
        tasks=tasks,
        max_active_tasks=rng.choice((1, 2, 16)),
        max_active_runs=rng.choice((1, 2, 16)),
        is_paused_upon_creation=False,
    )


def _draw_task(rng: Random, name: str, upstream: dict[str, tuple[str, ...]], kind: str) -> TaskSpec:
    pool = rng.choice(("default_pool", "default_pool", "narrow", "single"))
    return TaskSpec(
        task_id=name,
        upstream_task_ids=upstream[name],
        downstream_task_ids=tuple(other for other, above in upstream.items() if name in above),
        trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS if kind == "teardown" else rng.choice(_RULES),
        map_length=_draw_length(rng, upstream[name]) if kind == "mapped" else None,
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
        is_empty=rng.random() < 0.1,
    )


def _draw_length(rng: Random, upstream: tuple[str, ...]) -> MapLength:
    if upstream and rng.random() < 0.7:
        return MapLength(kind=LengthKind.XCOM, task_id=rng.choice(upstream))
    return MapLength(kind=LengthKind.LITERAL, length=rng.randint(0, 3))


def behaviour(seed: int, dag_id: str, run_id: str, task_id: str, try_number: int, map_index: int) -> Behaviour:
    """What this try does; the same whenever and wherever it runs."""
    name = f"{seed}/{dag_id}/{run_id}/{task_id}/{try_number}/{map_index}"
    rng = Random(int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big"))
    outcome = rng.choices(
        (Outcome.SUCCESS, Outcome.FAILED, Outcome.SKIPPED, Outcome.FAILED_WITHOUT_RETRY), weights=(78, 13, 6, 3)
    )[0]
    seconds = rng.choice((0.0, 0.02, 0.3, 2.0, 2.0, 15.0))
    return Behaviour(seconds=seconds, outcome=outcome, map_length=rng.choice((0, 1, 2, 2, 3, 5)))
