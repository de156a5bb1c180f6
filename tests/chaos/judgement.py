"""What is asked at the end: is everything done, was everything legal, did every task's code run as often as it may?"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from tests.chaos.load import ONCE, PLANNED, Trace, read_traces
from tests.chaos.room import Room
from tests.servers.process import wait_until
from tradewind.bus.open import open_bus
from tradewind.core.ends import INFRASTRUCTURE_CAUSES
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.core.transitions import ACTORS, DAG_RUN_ACTORS, DAG_RUN_TRANSITIONS, TRANSITIONS, Actor
from tradewind.wire.queues import DEAD_LETTER

_UNFINISHED: Final = "SELECT dag_id, run_id, state FROM dag_run WHERE state NOT IN ('success', 'failed')"
_RUNS: Final = "SELECT dag_id, run_id, state FROM dag_run ORDER BY id"
_UNSETTLED: Final = """
SELECT 'pool ' || pool || ' has slots in use: ' || used FROM slot_pool WHERE used <> 0
UNION ALL SELECT 'parallelism is in use: ' || used FROM parallelism WHERE used <> 0
UNION ALL SELECT 'a trigger is left: ' || classpath FROM trigger
UNION ALL SELECT format('%s of run %s is %s, holds %s+%s slots, end pending: %s', task_id, dag_run_id, state,
                        held_slots, kept_slots, end_pending)
    FROM task_instance
    WHERE held_slots <> 0 OR kept_slots <> 0 OR end_pending
        OR state NOT IN ('success', 'failed', 'skipped', 'upstream_failed')
UNION ALL SELECT format('attempt %s of %s of run %s has no end', attempt_id, task_id, dag_run_id)
    FROM (
        SELECT attempt_id, task_id, dag_run_id, end_date, start_date FROM task_instance
        UNION ALL SELECT attempt_id, task_id, dag_run_id, end_date, start_date FROM task_instance_history
    ) attempts
    WHERE start_date IS NOT NULL AND end_date IS NULL
"""
_TRAIL: Final = """
SELECT t.*, r.dag_id, r.run_id
FROM chaos_trail t
JOIN dag_run r ON r.id = t.dag_run_id
ORDER BY t.number
"""


@dataclass(frozen=True, slots=True)
class Judgement:
    """`complaints`: what must not be; `figures`: what is good to know."""

    complaints: Sequence[str]
    figures: Mapping[str, object]

    def __str__(self) -> str:
        figures = [f"{name}: {value}" for name, value in self.figures.items()]
        return "\n".join([*figures, *(f"WRONG: {complaint}" for complaint in self.complaints)])


def wait_until_settled(room: Room, timeout_seconds: float) -> None:
    """Return once every run has ended and nothing is held any more, or after the timeout: the judgement will say."""

    def is_settled() -> bool:
        return not (room.rows(_UNFINISHED) or room.rows(_UNSETTLED))

    try:
        wait_until(is_settled, timeout_seconds, "settled")
    except TimeoutError:
        return


def judge(room: Room, asked_for: Mapping[str, str], deaths: Sequence[str]) -> Judgement:
    """Of everything since the room was opened. `asked_for`: run → its DAG. `deaths`: what nobody killed and yet
    ended."""
    trail, traces = room.rows(_TRAIL), read_traces(room.traces)
    complaints = [
        *deaths,
        *_of_runs(room.rows(_RUNS), asked_for),
        *(str(row[0]) for row in room.rows(_UNSETTLED)),
        *_of_transitions(trail),
        *_of_failures(trail),
        *_of_side_effects(trail, traces),
    ]
    if (letters := asyncio.run(_dead_letters(room.broker.url))) != 0:
        complaints.append(f"dead letters: {letters}")
    return Judgement(complaints, _figures(trail, traces, asked_for))


def _of_runs(rows: Sequence[asyncpg.Record], asked_for: Mapping[str, str]) -> list[str]:
    found = {row["run_id"]: row for row in rows}
    lost = [f"run {run_id} of {dag_id} is lost" for run_id, dag_id in asked_for.items() if run_id not in found]
    stuck = [row for row in rows if row["state"] not in ("success", "failed")]
    failed = [row for row in rows if row["state"] == "failed" and row["dag_id"] != ONCE]
    return [*lost, *(f"run {row['run_id']} of {row['dag_id']} ended {row['state']}" for row in [*stuck, *failed])]


def _of_transitions(trail: Sequence[asyncpg.Record]) -> list[str]:
    """No person acts here: what only a person may do is illegal."""
    tasks = {
        (str(state), str(successor))
        for state, row in TRANSITIONS.items()
        for event, successor in row.items()
        if ACTORS[event] != (Actor.API,)
    }
    runs = {
        (str(state), str(successor))
        for state, row in DAG_RUN_TRANSITIONS.items()
        for event, successor in row.items()
        if DAG_RUN_ACTORS[event] != (Actor.API,)
    }
    assert (TaskInstanceState.SUCCESS, TaskInstanceState.QUEUED) not in tasks
    assert (DagRunState.SUCCESS, DagRunState.RUNNING) not in runs
    return [
        f"{row['dag_id']} {row['run_id']} {row['task_id']} went from {row['old_state']} to {row['new_state']}"
        for row in trail
        if (row["old_state"], row["new_state"]) not in (runs if row["task_id"] is None else tasks)
    ]


def _of_failures(trail: Sequence[asyncpg.Record]) -> list[str]:
    """Only what was planned fails, and what was lost with the infrastructure; for good, only what may not run twice."""
    complaints: list[str] = []
    for row in trail:
        if row["new_state"] not in ("failed", "up_for_retry") or row["task_id"] is None:
            continue
        is_planned = row["task_id"] == "flaky" and PLANNED in (row["detail"] or "")
        is_lost = row["cause"] in INFRASTRUCTURE_CAUSES and row["dag_id"] == ONCE
        if not (is_planned or is_lost):
            what = f"{row['dag_id']} {row['run_id']} {row['task_id']}[{row['map_index']}] try {row['try_number']}"
            complaints.append(f"{what} became {row['new_state']}: {row['cause']}: {row['detail']}")
    return complaints


def _of_side_effects(trail: Sequence[asyncpg.Record], traces: Sequence[Trace]) -> list[str]:
    done = Counter(trace.attempt_id for trace in traces if trace.what == "done")
    begun = Counter(trace.attempt_id for trace in traces if trace.what != "done")
    once = Counter((t.run_id, t.task_id) for t in traces if t.dag_id == ONCE and t.what == "start")
    succeeded = [row for row in trail if row["task_id"] is not None and row["new_state"] == "success"]
    return [
        *(
            f"{row['run_id']} {row['task_id']}[{row['map_index']}] succeeded, "
            f"its work was done {done[row['attempt_id']]} times"
            for row in succeeded
            if done[row["attempt_id"]] != 1
        ),
        *(f"attempt {attempt_id} was started {count} times" for attempt_id, count in begun.items() if count > 1),
        *(f"{key} has no retries and was started {count} times" for key, count in once.items() if count > 1),
    ]


def _figures(
    trail: Sequence[asyncpg.Record], traces: Sequence[Trace], asked_for: Mapping[str, str]
) -> dict[str, object]:
    tries = Counter((t.run_id, t.task_id, t.map_index, t.try_number) for t in traces if t.what == "start")
    recorded = {row["attempt_id"] for row in trail if row["new_state"] == "success"}
    lost = [row for row in trail if row["old_state"] in ("queued", "running") and row["cause"] in _LOSSES]
    return {
        "runs": len(asked_for),
        "task instances that succeeded": sum(row["new_state"] == "success" for row in trail if row["task_id"]),
        "transitions": len(trail),
        "attempts lost": dict(Counter(row["cause"] for row in lost if row["new_state"] != "running")),
        "double starts": sum(count - 1 for count in tries.values()),
        "done, but lost before it was recorded": sum(t.what == "done" and t.attempt_id not in recorded for t in traces),
    }


_LOSSES: Final = (*INFRASTRUCTURE_CAUSES, "not_started")


async def _dead_letters(url: str) -> int:
    async with open_bus(url) as bus:
        return await bus.depth(DEAD_LETTER) or 0
