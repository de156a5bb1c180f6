"""Whatever is asked, in whatever order, both stores answer the same and hold the same."""

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import count
from typing import cast
from uuid import UUID

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.servers.postgres import PostgresServer
from tests.store_driver import (
    LEASE,
    Driver,
    MemoryBackdoor,
    PostgresBackdoor,
    acknowledged,
    change,
    created,
    guard_of,
    number,
    queued,
)
from tradewind.core.clearing import Clearing, clear_dag_runs
from tradewind.core.marking import Marking, mark_dag_run, mark_task_instances
from tradewind.core.revisions import Revised, RunRevision
from tradewind.core.rows import DagRunRow, LoadedRun, TaskInstanceId, TaskInstanceRow
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.core.states import DagRunState, EndCause, Outcome, TaskInstanceState
from tradewind.db.memory.store import MemoryStore
from tradewind.db.pool import Database, open_pool
from tradewind.db.postgres.store import PostgresStore

S = TaskInstanceState

DAGS = ("one", "two")
TASKS = ("a", "b", "c")
SCHEDULERS = (number(0xA1), number(0xA2))
WORKERS = (("first", number(0xB1)), ("second", number(0xB2)))
ENDS = (
    (Outcome.SUCCESS, EndCause.NONE),
    (Outcome.SKIPPED, EndCause.NONE),
    (Outcome.FAILED, EndCause.USER_ERROR),
    (Outcome.FAILED, EndCause.NOT_STARTED),
    (Outcome.FAILED, EndCause.KILLED),
    (Outcome.FAILED_WITHOUT_RETRY, EndCause.TIMEOUT),
)

EMPTY = """
TRUNCATE dag, dag_file, dag_version, dag_run, task_instance, task_instance_history, xcom, task_log, import_error,
    scheduler, worker, lease_clock, slot_pool, parallelism, service_heartbeat RESTART IDENTITY CASCADE;
INSERT INTO lease_clock DEFAULT VALUES;
INSERT INTO slot_pool (pool, slots) VALUES ('default_pool', 128);
INSERT INTO parallelism (slots) VALUES (32)
"""


@dataclass
class Step:
    """One thing to do; the numbers choose what with, among what there is."""

    name: str
    choices: tuple[int, ...]

    def pick(self, place: int, among: int) -> int:
        return self.choices[place] % among


@dataclass
class Twin:
    """One of the two stores, and all that was seen of it so far."""

    driver: Driver
    seen_runs: list[DagRunRow] = field(default_factory=list[DagRunRow])
    seen_rows: list[TaskInstanceRow] = field(default_factory=list[TaskInstanceRow])
    run_names: dict[int, tuple[str, str]] = field(default_factory=dict[int, tuple[str, str]])
    attempts: int = 0
    beats: int = 0

    async def do(self, step: Step) -> object:
        actions: dict[str, Callable[[Step], Awaitable[object]]] = {
            name.removeprefix("do_"): getattr(self, name) for name in dir(self) if name.startswith("do_")
        }
        return await actions[step.name](step)

    def scheduler(self, step: Step) -> UUID:
        return SCHEDULERS[step.pick(0, len(SCHEDULERS))]

    async def look(self) -> object:
        """All that tests can see of the store; remembered, so that later steps may act on what is out of date."""
        rows = [row for run_id in self.run_names for row in await self.driver.inside.task_instances(run_id)]
        self.seen_rows.extend(row for row in rows if row not in self.seen_rows)
        xcoms = [await self.driver.inside.xcoms(run_id) for run_id in self.run_names]
        return (
            await self.driver.inside.dag_run_states(),
            rows,
            xcoms,
            await self.driver.store.load_capacity(),
            await self.driver.inside.history(),
            await self.driver.inside.import_errors(),
            await self.driver.store.load_dag_files(),
        )

    async def do_write_dag(self, step: Step) -> object:
        tasks = tuple(TaskSpec(task_id=task, retries=step.pick(1, 3)) for task in TASKS[: 1 + step.pick(2, 3)])
        dag_id = DAGS[step.pick(0, len(DAGS))]
        await self.driver.write_dag(*tasks, dag_id=dag_id, max_active_runs=1 + step.pick(3, 2))
        return await self.driver.inside.dag(dag_id)

    async def do_retire_file(self, step: Step) -> object:
        return list(await self.driver.store.retire_dag_files([f"{DAGS[step.pick(0, 2)]}.py"], self.driver.now))

    async def do_break_file(self, step: Step) -> object:
        file = f"{DAGS[step.pick(0, 2)]}.py"
        return await self.driver.store.write_import_error(file, "bad", "Traceback", self.driver.now)

    async def do_create_run(self, step: Step) -> object:
        dag_id, run_id = DAGS[step.pick(0, 2)], f"run_{len(self.run_names)}"
        files = await self.driver.store.load_dag_files()
        if dag_id not in [each for file in files for each in file.dag_ids]:
            return None
        run = await self.driver.inside.create_dag_run(dag_id, run_id, self.driver.now)
        self.run_names[run] = (dag_id, run_id)
        return run

    async def do_renew(self, step: Step) -> object:
        return await self.driver.store.renew_scheduler(self.scheduler(step), self.driver.now)

    async def do_start(self, step: Step) -> object:
        dags = None if step.pick(1, 2) else [DAGS[step.pick(2, 2)]]
        scheduler = self.scheduler(step)
        started = list(await self.driver.store.start_dag_runs(scheduler, dags, self.driver.now, 1 + step.pick(3, 3)))
        loaded = await self.driver.store.load_dag_runs(scheduler, started)
        self.seen_runs.extend(each.run for each in loaded)
        return started, list(loaded)

    async def do_adopt(self, step: Step) -> object:
        scheduler = self.scheduler(step)
        adopted = list(await self.driver.store.adopt_dag_runs(scheduler, 1 + step.pick(1, 3)))
        loaded = await self.driver.store.load_dag_runs(scheduler, adopted)
        self.seen_runs.extend(each.run for each in loaded)
        return adopted, list(loaded)

    async def do_retire(self, step: Step) -> object:
        return await self.driver.store.retire_scheduler(self.scheduler(step))

    async def do_expire_schedulers(self, step: Step) -> object:
        return list(await self.driver.store.expire_schedulers(self.driver.now, LEASE))

    async def do_expire_workers(self, step: Step) -> object:
        return list(await self.driver.store.expire_workers(self.driver.now, LEASE))

    async def do_revise(self, step: Step) -> object:
        if self.run_names:
            await self.driver.inside.revise(list(self.run_names)[step.pick(0, len(self.run_names))])

    async def do_restart(self, step: Step) -> object:
        for row in await self.current_rows():
            if row.state is S.RUNNING and step.pick(0, 2):
                await self.driver.inside.restart(row.id)

    async def do_clear(self, step: Step) -> object:
        if not self.run_names:
            return None
        run = list(self.run_names)[step.pick(0, len(self.run_names))]
        choice = None if step.pick(1, 3) == 0 else {TASKS[step.pick(2, 3)]: None}
        clearing = Clearing(
            specs=await self.specs(run),
            choice=choice,
            only_failed=step.pick(3, 4) == 0,
            resets_dag_runs=step.pick(3, 5) > 0,
        )
        rule = partial(clear_dag_runs, clearing=clearing)
        return _told(await self.driver.store.revise_dag_runs([run], rule, self.driver.now))

    async def do_mark(self, step: Step) -> object:
        if not self.run_names:
            return None
        run = list(self.run_names)[step.pick(0, len(self.run_names))]
        state = (S.SUCCESS, S.FAILED, S.SKIPPED)[step.pick(1, 3)]
        task_id = TASKS[step.pick(2, 3)]
        cleared = Clearing(specs=await self.specs(run), left_out={task_id: None}, only_failed=True)
        rule = partial(mark_task_instances, marking=Marking(state=state, choice={task_id: None}, cleared=cleared))
        return _told(await self.driver.store.revise_dag_runs([run], rule, self.driver.now))

    async def do_mark_run(self, step: Step) -> object:
        if not self.run_names:
            return None
        run = list(self.run_names)[step.pick(0, len(self.run_names))]
        state = (DagRunState.SUCCESS, DagRunState.FAILED, DagRunState.QUEUED)[step.pick(1, 3)]
        specs = await self.specs(run)

        def rule(runs: Sequence[LoadedRun]) -> Sequence[RunRevision]:
            return [mark_dag_run(each, specs[each.run.dag_version_id], state) for each in runs]

        return _told(await self.driver.store.revise_dag_runs([run], rule, self.driver.now))

    async def specs(self, run: int) -> Mapping[UUID, DagSpec]:
        loaded = await self.driver.store.read_dag_runs([run])
        return await self.driver.store.load_dag_specs([each.run.dag_version_id for each in loaded])

    async def current_rows(self) -> list[TaskInstanceRow]:
        return [row for run_id in self.run_names for row in await self.driver.inside.task_instances(run_id)]

    async def do_pool(self, step: Step) -> object:
        await self.driver.inside.set_pool("default_pool", (-1, 0, 1, 2, 128)[step.pick(0, 5)])
        await self.driver.inside.set_parallelism((0, 1, 2, 32)[step.pick(1, 4)])

    async def do_pause(self, step: Step) -> object:
        dag_id = DAGS[step.pick(0, 2)]
        if any(dag_id == name for name, _ in self.run_names.values()):
            await self.driver.inside.pause(dag_id, is_paused=bool(step.pick(1, 2)))

    async def do_queue_new(self, step: Step) -> object:
        if not self.seen_runs:
            return None
        run = self.seen_runs[-1 - step.pick(0, min(3, len(self.seen_runs)))]
        id_ = TaskInstanceId(run.id, TASKS[step.pick(1, 3)])
        steps = (queued(id_, self.new_attempt(), held_slots=1 + step.pick(3, 2)),)
        if step.pick(2, 3) == 0:
            steps = (change(id_, S.NONE, S.SCHEDULED),)
        self.driver.scheduler_id = run.owner or number(1)
        return await self.driver.commit(run, *steps, created=[created(id_, max_tries=step.pick(2, 2))])

    async def do_decide(self, step: Step) -> object:
        """Acknowledge and queue again, by what was seen now or earlier."""
        if not self.seen_rows or not self.seen_runs:
            return None
        row = self.seen_rows[-1 - step.pick(0, min(6, len(self.seen_rows)))]
        runs = [run for run in self.seen_runs if run.id == row.id.dag_run_id]
        if not runs:
            return None
        run = runs[-1]
        self.driver.scheduler_id = run.owner or number(1)
        acknowledgements = [acknowledged(row.id, row.attempt_id, row.held_slots)] if row.end_pending else []
        waits = row.state in (S.NONE, S.SCHEDULED, S.UP_FOR_RETRY)
        steps = [queued(row.id, self.new_attempt(), row.state, expected_attempt_id=row.attempt_id, try_number=2)]
        guard = guard_of(run)
        if step.pick(1, 5) == 0:
            guard = guard_of(run, state=DagRunState.SUCCESS, end_date=self.driver.now)
        return await self.driver.commit(run, *(steps if waits else []), acknowledged=acknowledgements, guard=guard)

    def new_attempt(self) -> UUID:
        self.attempts += 1
        return number(0x10000 + self.attempts)

    async def do_claim(self, step: Step) -> object:
        row = self.chosen_attempt(step)
        if row is None or row.attempt_id is None:
            return None
        worker_id, incarnation = WORKERS[step.pick(1, 2)]
        dag_id, run_id = self.run_names[row.id.dag_run_id]
        claim = self.driver.claim_of(
            run_named(dag_id, run_id),
            row.id.task_id,
            row.attempt_id,
            step.pick(2, 2),
            worker_id=worker_id,
            incarnation=incarnation,
        )
        return list(await self.driver.store.grant_claims([claim] * (1 + step.pick(3, 2)), self.driver.now))

    async def do_end(self, step: Step) -> object:
        row = self.chosen_attempt(step)
        if row is None or row.attempt_id is None:
            return None
        worker_id, incarnation = WORKERS[step.pick(1, 2)]
        dag_id, run_id = self.run_names[row.id.dag_run_id]
        outcome, cause = ENDS[step.pick(2, len(ENDS))]
        end = self.driver.end_of(
            run_named(dag_id, run_id),
            row.id.task_id,
            row.attempt_id,
            worker_id=worker_id,
            incarnation=incarnation,
            outcome=outcome,
            cause=cause,
            xcoms=(("return_value", str(step.choices[3]).encode()),),
        )
        return list(await self.driver.store.record_ends([end] * (1 + step.pick(3, 2)), self.driver.now))

    def chosen_attempt(self, step: Step) -> TaskInstanceRow | None:
        rows = [row for row in self.seen_rows if row.attempt_id is not None]
        return rows[-1 - step.pick(0, min(5, len(rows)))] if rows else None

    async def do_beat(self, step: Step) -> object:
        worker_id, incarnation = WORKERS[step.pick(0, 2)]
        attempts = [row.attempt_id for row in self.seen_rows if row.attempt_id is not None]
        listed = tuple(dict.fromkeys(attempts[-step.pick(1, 4) :] if step.pick(1, 4) else []))
        self.beats += 1
        return await self.driver.beat(
            *listed,
            leaving=step.pick(2, 8) == 0,
            worker_id=worker_id,
            incarnation=incarnation,
            sequence=self.beats - (5 if step.pick(3, 6) == 0 else 0),
        )

    async def do_tick(self, step: Step) -> object:
        self.driver.now += timedelta(seconds=10 * (step.pick(1, 4) == 0))
        await self.driver.tick(1 + step.pick(0, 8))

    async def do_sweep(self, step: Step) -> object:
        scheduler, now = self.scheduler(step), self.driver.now
        within = timedelta(seconds=10 * step.pick(3, 3)) if step.pick(3, 3) else None
        return (
            list(await self.driver.store.owned_dag_runs(scheduler)),
            list(await self.driver.store.pending_dag_runs(scheduler, now - timedelta(seconds=step.pick(1, 3)))),
            list(
                await self.driver.store.take_unclaimed(
                    scheduler, now, timedelta(seconds=2), 1 + step.pick(2, 3), claimed_within=within
                )
            ),
            await self.driver.store.recount_slots(),
        )


def _told(revised: Revised) -> object:
    """Ids of versions are each store's own."""
    holders = sorted((holder.attempt_id, holder.worker_id) for holder in revised.holders)
    return [revision.task_instances for revision in revised.revisions], holders, revised.freed_pools, revised.dag_ids


def run_named(dag_id: str, run_id: str) -> DagRunRow:
    return DagRunRow(
        id=0,
        dag_id=dag_id,
        run_id=run_id,
        state=DagRunState.RUNNING,
        dag_version_id=number(1),
        owner=None,
        owner_epoch=0,
        revision=0,
        dag_is_paused=False,
        run_after=Driver.now,
    )


NAMES = sorted(name.removeprefix("do_") for name in dir(Twin) if name.startswith("do_"))
FREQUENT = ("create_run", "start", "queue_new", "decide", "claim", "end", "beat", "tick") * 3
STEPS = st.builds(Step, st.sampled_from((*NAMES, *FREQUENT)), st.tuples(*[st.integers(0, 119)] * 4))
BEGINNING = [
    Step("write_dag", (0, 1, 2, 0)),
    Step("renew", (0, 0, 0, 0)),
    Step("create_run", (0, 0, 0, 0)),
    Step("start", (0, 1, 0, 0)),
    Step("beat", (0, 0, 1, 1)),
    Step("queue_new", (0, 0, 1, 0)),
]


@dataclass
class PostgresSide:
    """The database, on the loop of its server's thread."""

    server: PostgresServer
    database: Database

    async def emptied(self) -> Twin:
        for statement in EMPTY.split(";"):
            await self.database.fetch(statement)
        ids = count(1)
        store = PostgresStore(self.database, new_id=lambda: UUID(int=next(ids)))
        return Twin(Driver(store, PostgresBackdoor(self.database)))


@pytest.fixture(scope="module")
def side(postgres: PostgresServer) -> Generator[PostgresSide]:
    with postgres.new_database() as url:
        context = open_pool(url, 1)
        yield PostgresSide(postgres, postgres.run(_entered(context)))
        postgres.run(_left(context))


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=20, max_size=60))
def test_both_stores_answer_and_hold_the_same(side: PostgresSide, steps: list[Step]) -> None:
    for answer in side.server.run(_compare(side, [*BEGINNING, *steps])):
        event(answer)


async def _entered(context: AbstractAsyncContextManager[Database]) -> Database:
    return await context.__aenter__()


async def _left(context: AbstractAsyncContextManager[Database]) -> None:
    await context.__aexit__(None, None, None)


async def _compare(side: PostgresSide, steps: list[Step]) -> list[str]:
    answers: list[str] = []
    memory_store = MemoryStore()
    memory = Twin(Driver(memory_store, MemoryBackdoor(memory_store)))
    postgres = await side.emptied()
    for step in steps:
        expected, given_ = await memory.do(step), await postgres.do(step)
        assert given_ == expected, step
        assert await postgres.look() == await memory.look(), step
        answers.append(f"{step.name}: {_kind(expected)}")
        if step.name == "sweep":
            assert isinstance(expected, tuple)
            assert expected[-1] == {}, "slots drifted"
    return answers


def _kind(answer: object) -> str:
    """What the statistics of a run tell: how often which answer was reached."""
    if isinstance(answer, list):
        items = cast("list[object]", answer)
        return f"{len(items)} x {getattr(items[0], 'verdict', type(items[0]).__name__)}" if items else "nothing"
    return type(answer).__name__
