"""An attempt that the scheduler ends while a worker runs it, as `fail_fast` does."""

from tests.store_driver import Driver, change
from tradewind.core.rows import AttemptHolder, Committed, TaskInstanceId
from tradewind.core.spec import TaskSpec
from tradewind.core.states import TaskInstanceState

S = TaskInstanceState


async def test_its_slots_come_back_and_its_worker_hears_that_it_is_not_current(driver: Driver) -> None:
    run = await driver.started_run(TaskSpec(task_id="task"))
    attempt = await driver.running(run)
    id_ = TaskInstanceId(run.id, "task")
    result = await driver.commit(run, change(id_, S.RUNNING, S.FAILED, attempt))
    assert isinstance(result, Committed)
    capacity = await driver.store.load_capacity()
    assert ([pool.used for pool in capacity.pools if pool.pool == "default_pool"], capacity.parallelism_used) == (
        [0],
        0,
    )
    assert await driver.store.attempt_holders([attempt]) == [
        AttemptHolder(attempt_id=attempt, worker_id=driver.worker_id)
    ]
    assert (await driver.beat(attempt)).kill == (attempt,)
    assert (await driver.end(run, "task", attempt)).verdict == "superseded"
    row = await driver.row(id_)
    assert (row.state, row.held_slots, row.end_pending) == (S.FAILED, 0, False)


async def test_an_attempt_that_nobody_claimed_has_no_holder(driver: Driver) -> None:
    run = await driver.started_run(TaskSpec(task_id="task"))
    (attempt,) = await driver.queue(run, "task")
    assert await driver.store.attempt_holders([attempt, driver.new_id()]) == []
