"""Everything at once on Postgres: no deadlock, no lost slot, each attempt run once."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from tests.store_driver import LEASE, Driver, PostgresBackdoor, acknowledged, created, guard_of, number, queued
from tradewind.core.rows import Committed, DagRunRow, DecisionBatch, SlotsRefused, TaskInstanceId, Verdict
from tradewind.core.spec import TaskSpec
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.db.pool import Database
from tradewind.db.postgres.store import PostgresStore

S = TaskInstanceState
TASKS = tuple(f"task_{n}" for n in range(6))


class Fleet:
    """Two schedulers' worth of runs, claimed by three workers through three collectors, on one store each."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.granted: list[UUID] = []

    def driver(self, which: int) -> Driver:
        driver = Driver(PostgresStore(self.database), PostgresBackdoor(self.database))
        driver.worker_id, driver.incarnation = f"worker_{which}", number(0xB0 + which)
        return driver

    async def drive(self, runs: Sequence[DagRunRow], which: int) -> None:
        """Run each task of all these runs, one after the other, all runs in one batch; rivals claim the same."""
        driver, rivals = self.driver(which), [self.driver(n) for n in range(3)]
        done: list[tuple[TaskInstanceId, UUID]] = []
        for task in TASKS:
            ids = [TaskInstanceId(run.id, task) for run in runs]
            attempts = [number((which + 1) << 64 | run.id << 32 | TASKS.index(task)) for run in runs]
            await self.commit(driver, runs, ids, attempts, done)
            pairs = list(zip(runs, attempts, strict=True))
            claims = [[rival.claim_of(run, task, attempt) for run, attempt in pairs] for rival in rivals]
            async with asyncio.TaskGroup() as group:
                asked = [
                    group.create_task(rival.store.grant_claims(each, driver.now), name=f"claim {rival.worker_id}")
                    for rival, each in zip(rivals, claims, strict=True)
                ]
            for rival, answers in zip(rivals, asked, strict=True):
                won = [n for n, answer in enumerate(answers.result()) if answer.verdict is Verdict.DONE]
                self.granted += [attempts[n] for n in won]
                ends = [rival.end_of(runs[n], task, attempts[n]) for n in reversed(won)]
                recorded = await rival.store.record_ends(ends, driver.now)
                assert all(answer.verdict is Verdict.DONE for answer in recorded)
            done = list(zip(ids, attempts, strict=True))
        await self.commit(driver, runs, (), (), done)

    async def commit(
        self,
        driver: Driver,
        runs: Sequence[DagRunRow],
        ids: Sequence[TaskInstanceId],
        attempts: Sequence[UUID],
        done: Sequence[tuple[TaskInstanceId, UUID]],
    ) -> None:
        batch = DecisionBatch(
            scheduler_id=driver.scheduler_id,
            now=driver.now,
            runs=tuple(guard_of(run) for run in reversed(runs)),
            created=tuple(created(id_) for id_ in reversed(ids)),
            changes=tuple(queued(id_, attempt) for id_, attempt in zip(ids, attempts, strict=True)),
            acknowledged=tuple(acknowledged(id_, attempt) for id_, attempt in done),
        )
        async with asyncio.timeout(60):
            while not isinstance(result := await driver.store.commit_decisions(batch), Committed):
                assert isinstance(result, SlotsRefused)
                await asyncio.sleep(0.002)

    async def sweep(self, until: asyncio.Event) -> None:
        """What goes on beside: beats, ticks, recounts, expiry."""
        driver = self.driver(0)
        while not until.is_set():
            for which in range(3):
                await driver.beat(worker_id=f"worker_{which}", incarnation=number(0xB0 + which))
            assert await driver.store.recount_slots() == {}
            assert await driver.store.expire_workers(driver.now, LEASE) == []
            await driver.store.pending_dag_runs(driver.scheduler_id, driver.now)
            await driver.store.take_unclaimed(driver.scheduler_id, driver.now, LEASE, 100)


async def test_everything_at_once(database: Database) -> None:
    fleet = Fleet(database)
    driver = fleet.driver(0)
    for which in range(3):
        await fleet.driver(which).beat()
    await driver.write_dag(*(TaskSpec(task_id=task) for task in TASKS), max_active_runs=100)
    runs = [await driver.next_run(run_id=f"run_{n}") for n in range(12)]
    await driver.inside.set_pool("default_pool", 8)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(fleet.sweep(stop), name="sweep")
        async with asyncio.TaskGroup() as drivers:
            for which in range(4):
                drivers.create_task(fleet.drive(runs[which * 3 : which * 3 + 3], which), name=f"drive {which}")
        stop.set()
    assert len(fleet.granted) == len(dict.fromkeys(fleet.granted)) == len(runs) * len(TASKS)
    capacity = await driver.store.load_capacity()
    assert (capacity.pools[0].used, capacity.parallelism_used) == (0, 0)
    states = [row.state for run in runs for row in await driver.inside.task_instances(run.id)]
    assert states == [S.SUCCESS] * len(runs) * len(TASKS)
    assert await driver.store.recount_slots() == {}


async def test_no_dag_has_more_active_runs_than_it_may_whoever_starts_them(database: Database) -> None:
    drivers = [Driver(PostgresStore(database), PostgresBackdoor(database), scheduler_id=number(n)) for n in range(1, 5)]
    first = drivers[0]
    await first.write_dag(TaskSpec(task_id="t"), max_active_runs=3)
    for each in drivers:
        await each.store.renew_scheduler(each.scheduler_id, each.now)
    for n in range(30):
        await first.inside.create_dag_run("dag", f"run_{n}", first.now)
    started: list[int] = []
    while len(started) < 30:
        async with asyncio.TaskGroup() as group:
            taking = [
                group.create_task(each.store.start_dag_runs(each.scheduler_id, None, each.now, 10), name="start")
                for each in drivers
            ]
        found = [(each, number_) for each, task in zip(drivers, taking, strict=True) for number_ in task.result()]
        assert len(found) == 3
        started += [number_ for _, number_ in found]
        for each, number_ in found:
            guard = guard_of(await each.run(number_), state=DagRunState.SUCCESS, end_date=each.now)
            assert type(await each.commit(await each.run(number_), guard=guard)) is Committed
    assert len(dict.fromkeys(started)) == 30
