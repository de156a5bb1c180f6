"""Who owns which runs, and what a scheduler reads and sweeps."""

from dataclasses import replace
from datetime import timedelta

from tests.store_driver import LEASE, Driver, acknowledged, created, number, queued
from tradewind.core.rows import TaskInstanceId
from tradewind.core.spec import TaskSpec
from tradewind.core.states import TaskInstanceState

TASK = TaskSpec(task_id="task")


async def test_a_started_run_is_owned_and_loaded(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.queue(run, "b", "a")
    (loaded,) = await driver.store.load_dag_runs(driver.scheduler_id, [run.id, 404])
    assert loaded.run == replace(run, owner=driver.scheduler_id, owner_epoch=1, start_date=driver.now)
    assert [row.id.task_id for row in loaded.task_instances] == ["a", "b"]
    assert await driver.store.load_dag_runs(number(99), [run.id]) == []
    assert await driver.store.owned_dag_runs(driver.scheduler_id) == [run.id]
    specs = await driver.store.load_dag_specs([run.dag_version_id, number(404)])
    assert list(specs) == [run.dag_version_id]
    assert specs[run.dag_version_id].tasks == (TASK,)


async def test_runs_start_oldest_first_as_far_as_the_dag_allows(driver: Driver) -> None:
    await driver.write_dag(TASK, max_active_runs=2)
    await driver.store.renew_scheduler(driver.scheduler_id, driver.now)
    late = await driver.inside.create_dag_run("dag", "late", driver.now, driver.now - timedelta(hours=1))
    first = await driver.inside.create_dag_run("dag", "first", driver.now, driver.now - timedelta(hours=3))
    second = await driver.inside.create_dag_run("dag", "second", driver.now, driver.now - timedelta(hours=2))
    assert await driver.store.start_dag_runs(driver.scheduler_id, None, driver.now, 1) == [first]
    assert await driver.store.start_dag_runs(driver.scheduler_id, ["dag"], driver.now, 10) == [second]
    assert await driver.store.start_dag_runs(driver.scheduler_id, None, driver.now, 10) == []
    assert (await driver.inside.dag_run_states())[late] == ("queued", None)


async def test_runs_of_paused_dags_other_dags_and_the_future_stay_queued(driver: Driver) -> None:
    await driver.write_dag(TASK)
    await driver.write_dag(TASK, dag_id="other")
    await driver.store.renew_scheduler(driver.scheduler_id, driver.now)
    run = await driver.inside.create_dag_run("dag", "run", driver.now)
    future = await driver.inside.create_dag_run("dag", "future", driver.now, driver.now + timedelta(hours=1))
    await driver.inside.pause("dag", is_paused=True)
    assert await driver.store.start_dag_runs(driver.scheduler_id, None, driver.now, 10) == []
    await driver.inside.pause("dag", is_paused=False)
    assert await driver.store.start_dag_runs(driver.scheduler_id, ["other"], driver.now, 10) == []
    assert await driver.store.start_dag_runs(driver.scheduler_id, None, driver.now, 10) == [run]
    driver.now += timedelta(hours=2)
    assert await driver.store.start_dag_runs(driver.scheduler_id, None, driver.now, 10) == [future]


async def test_a_scheduler_without_a_lease_gets_no_runs(driver: Driver) -> None:
    await driver.write_dag(TASK)
    await driver.inside.create_dag_run("dag", "run", driver.now)
    assert await driver.store.start_dag_runs(driver.scheduler_id, None, driver.now, 10) == []
    assert await driver.store.adopt_dag_runs(driver.scheduler_id, 10) == []


async def test_runs_of_a_retired_scheduler_are_adopted_with_a_higher_epoch(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.store.retire_scheduler(driver.scheduler_id)
    heir = number(77)
    assert await driver.store.renew_scheduler(heir, driver.now)
    assert await driver.store.adopt_dag_runs(heir, 10) == [run.id]
    assert await driver.store.adopt_dag_runs(heir, 10) == []
    (loaded,) = await driver.store.load_dag_runs(heir, [run.id])
    assert (loaded.run.owner, loaded.run.owner_epoch) == (heir, run.owner_epoch + 1)


async def test_an_expired_scheduler_owns_nothing_and_never_returns(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.tick(LEASE.total_seconds())
    assert await driver.store.expire_schedulers(driver.now, LEASE) == []
    heir = number(77)
    await driver.store.renew_scheduler(heir, driver.now)
    await driver.tick(1)
    assert await driver.store.expire_schedulers(driver.now, LEASE) == [driver.scheduler_id]
    assert await driver.store.renew_scheduler(driver.scheduler_id, driver.now) is False
    assert await driver.store.owned_dag_runs(driver.scheduler_id) == []
    assert await driver.store.adopt_dag_runs(heir, 10) == [run.id]
    assert await driver.store.adopt_dag_runs(driver.scheduler_id, 10) == []


async def test_adoption_keeps_to_its_limit(driver: Driver) -> None:
    await driver.started_run(TASK)
    await driver.next_run(run_id="second")
    await driver.store.retire_scheduler(driver.scheduler_id)
    await driver.store.renew_scheduler(number(77), driver.now)
    assert await driver.store.adopt_dag_runs(number(77), 1) == [1]
    assert await driver.store.adopt_dag_runs(number(77), 1) == [2]


async def test_an_end_that_nobody_decided_upon_is_found(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run)
    await driver.end(run, "task", attempt)
    assert await driver.store.pending_dag_runs(driver.scheduler_id, driver.now) == []
    later = driver.now + timedelta(seconds=2)
    assert await driver.store.pending_dag_runs(driver.scheduler_id, later) == [run.id]
    assert await driver.store.pending_dag_runs(number(99), later) == []
    await driver.commit(run, acknowledged=[acknowledged(TaskInstanceId(run.id, "task"), attempt)])
    assert await driver.store.pending_dag_runs(driver.scheduler_id, later) == []


async def test_unclaimed_attempts_are_published_again_after_doubling_waits(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.queue(run, "task")
    id_, minute = TaskInstanceId(run.id, "task"), timedelta(minutes=1)

    async def take() -> object:
        return await driver.store.take_unclaimed(driver.scheduler_id, driver.now, minute, 10)

    waits = [1, 2, 4, 8, 16, 30, 30]
    for count, wait in enumerate(waits, start=1):
        driver.now += timedelta(minutes=wait)
        assert await take() == [], f"publication {count}"
        driver.now += timedelta(seconds=1)
        assert await take() == [id_]
        row = await driver.row(id_)
        assert (row.publish_count, row.published_at) == (count + 1, driver.now)
        assert await take() == []


async def test_what_is_claimed_or_not_ours_is_not_published_again(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.running(run)
    driver.now += timedelta(hours=1)
    assert await driver.store.take_unclaimed(driver.scheduler_id, driver.now, timedelta(minutes=1), 10) == []
    await driver.queue(run, "other")
    driver.now += timedelta(hours=1)
    assert await driver.store.take_unclaimed(number(99), driver.now, timedelta(minutes=1), 10) == []


async def test_what_waits_its_turn_in_a_queue_that_is_being_drained_is_not_published_again(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.queue(run, "passed_over")
    driver.now += timedelta(seconds=10)
    await driver.running(run)
    await driver.queue(run, "behind")
    driver.now += timedelta(minutes=2)

    async def take(claimed_within: timedelta | None) -> object:
        return await driver.store.take_unclaimed(
            driver.scheduler_id, driver.now, timedelta(minutes=1), 10, claimed_within=claimed_within
        )

    assert await take(timedelta(minutes=3)) == [TaskInstanceId(run.id, "passed_over")]
    assert await take(timedelta(minutes=3)) == []
    assert await take(timedelta(minutes=1)) == [TaskInstanceId(run.id, "behind")]


async def test_urgent_tasks_are_published_again_first(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    low, high = TaskInstanceId(run.id, "low"), TaskInstanceId(run.id, "high")
    await driver.commit(
        run,
        *(queued(id_, driver.new_id()) for id_ in (low, high)),
        created=[created(low, priority_weight=1), created(high, priority_weight=5)],
    )
    driver.now += timedelta(hours=1)
    assert await driver.store.take_unclaimed(driver.scheduler_id, driver.now, timedelta(minutes=1), 1) == [high]
    assert (await driver.row(low)).state is TaskInstanceState.QUEUED
