"""People, workers and a scheduler at the same runs at once: no deadlock, no slot lost, nothing left half done."""

import asyncio
from collections.abc import Awaitable
from random import Random

from tests.integration.store.test_people import clear, mark, mark_run
from tests.store_driver import Driver, acknowledged, queued
from tradewind.core.rows import DagRunRow, EndEffectsRecord
from tradewind.core.spec import TaskSpec
from tradewind.core.states import DagRunState, TaskInstanceState

S = TaskInstanceState
TASKS = tuple(TaskSpec(task_id=f"t{number}", retries=5) for number in range(8))
ROUNDS = 40


async def end_some(driver: Driver, run: DagRunRow, random: Random) -> None:
    """Workers report ends, in any order, that have others skipped."""
    rows = [row for row in await driver.inside.task_instances(run.id) if row.state is S.RUNNING]
    random.shuffle(rows)
    effects = EndEffectsRecord(skipped=tuple((task.task_id, -1) for task in random.sample(TASKS, 3)))
    ends = [driver.end_of(run, row.id.task_id, row.attempt_id, effects=effects) for row in rows[:4] if row.attempt_id]
    if ends:
        await driver.store.record_ends(ends, driver.now)


async def schedule(driver: Driver, run: DagRunRow) -> None:
    """The owner queues what may run, and a worker claims it; it may be refused, for a person was faster."""
    found = await driver.store.load_dag_runs(driver.scheduler_id, [run.id])
    for loaded in found:
        ready = [row for row in loaded.task_instances if row.state in (S.NONE, S.UP_FOR_RETRY)]
        await driver.commit(
            loaded.run,
            *(
                queued(
                    row.id,
                    driver.new_id(),
                    row.state,
                    expected_attempt_id=row.attempt_id,
                    try_number=row.try_number + 1,
                )
                for row in ready
            ),
            acknowledged=[
                acknowledged(row.id, row.attempt_id, row.held_slots) for row in loaded.task_instances if row.end_pending
            ],
        )
    if not found:
        await driver.store.start_dag_runs(driver.scheduler_id, None, driver.now, 10)
    waiting = [row for row in await driver.inside.task_instances(run.id) if row.state is S.QUEUED]
    claims = [driver.claim_of(run, row.id.task_id, row.attempt_id) for row in waiting if row.attempt_id]
    if claims:
        await driver.store.grant_claims(claims, driver.now)


async def test_people_and_services_do_not_get_into_each_others_way(driver: Driver) -> None:
    random = Random(7)
    runs = [await driver.started_run(*TASKS), await driver.next_run(run_id="second")]
    await driver.beat()
    for run in runs:
        await driver.queue(run, *(task.task_id for task in TASKS), retries=5)
    for number in range(ROUNDS):
        doing: list[Awaitable[object]] = []
        for run in runs:
            task_id, other = (random.choice(TASKS).task_id for _ in range(2))
            doing += [end_some(driver, run, random), end_some(driver, run, random), schedule(driver, run)]
            doing += [
                clear(driver, run, {task_id: None}),
                mark(driver, run, other, random.choice((S.SUCCESS, S.FAILED))),
            ]
            if number % 10 == 9:
                doing.append(mark_run(driver, run, random.choice((DagRunState.FAILED, DagRunState.QUEUED))))
        async with asyncio.TaskGroup() as group:
            for place, each in enumerate(doing):
                group.create_task(_done(each), name=f"action {place}")
    assert await driver.store.recount_slots() == {}
    for run in runs:
        await mark_run(driver, run, DagRunState.SUCCESS)
    capacity = await driver.store.load_capacity()
    assert (capacity.parallelism_used, [pool.used for pool in capacity.pools]) == (0, [0] * len(capacity.pools))


async def _done(action: Awaitable[object]) -> None:
    await action
