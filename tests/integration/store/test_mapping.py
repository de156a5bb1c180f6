"""Mapped tasks in the store: rows that give way to the instances of each item, lengths and skips read back."""

from dataclasses import replace

import pytest

from tests.store_driver import Driver, change, created, guard_of, queued
from tradewind.core.batches import apply, decision_batch, run_changes
from tradewind.core.decide import decide_loaded
from tradewind.core.decisions import RunDecision
from tradewind.core.rows import Committed, DagRunRow, DecisionBatch, EndEffectsRecord, StaleRuns, TaskInstanceId
from tradewind.core.snapshot import DagPlan, RunSnapshot
from tradewind.core.spec import LengthKind, MapLength, TaskSpec
from tradewind.core.states import DagRunState, EndCause, Outcome, TaskInstanceState

S = TaskInstanceState
FIRST = TaskSpec(task_id="first", downstream_task_ids=("mapped",))
MAPPED = TaskSpec(
    task_id="mapped",
    upstream_task_ids=("first",),
    downstream_task_ids=("last",),
    map_length=MapLength(kind=LengthKind.XCOM, task_id="first"),
)
LAST = TaskSpec(task_id="last", upstream_task_ids=("mapped",))


class Owner:
    """A scheduler reduced to its steps: read, decide, commit; everything that is ready is queued."""

    def __init__(self, driver: Driver, run: DagRunRow, plan: DagPlan) -> None:
        self.driver = driver
        self.run = run
        self.plan = plan

    async def turn(self) -> RunDecision:
        (loaded,) = await self.driver.store.load_dag_runs(self.driver.scheduler_id, [self.run.id])
        snapshot = RunSnapshot(loaded, self.plan)
        decision = decide_loaded(snapshot, self.driver.now)
        changes = run_changes(snapshot, decision, {position: self.driver.new_id() for position in decision.ready})
        batch = decision_batch(self.driver.scheduler_id, self.driver.now, [changes])
        assert isinstance(await self.driver.store.commit_decisions(batch), Committed)
        apply(changes)
        return decision

    async def states(self) -> dict[tuple[str, int], S]:
        rows = await self.driver.inside.task_instances(self.run.id)
        return {(row.id.task_id, row.id.map_index): row.state for row in sorted(rows, key=lambda row: row.id)}

    async def end_all(self, effects: EndEffectsRecord | None = None) -> None:
        """The worker claims and ends everything that is queued."""
        await self.driver.beat()
        for row in await self.driver.inside.task_instances(self.run.id):
            if row.state is S.QUEUED:
                assert row.attempt_id is not None
                key = {"map_index": row.id.map_index}
                claim = self.driver.claim_of(self.run, row.id.task_id, row.attempt_id)
                (answer,) = await self.driver.store.grant_claims([replace(claim, **key)], self.driver.now)
                assert answer.verdict == "done"
                await self.driver.end(self.run, row.id.task_id, row.attempt_id, effects=effects, **key)


@pytest.fixture
async def owner(driver: Driver) -> Owner:
    run = await driver.started_run(FIRST, MAPPED, LAST)
    spec = await driver.write_dag(FIRST, MAPPED, LAST)
    return Owner(driver, run, DagPlan(spec))


async def test_a_mapped_task_gets_a_row_for_each_item_in_place_of_its_own(owner: Owner) -> None:
    await owner.turn()
    assert await owner.states() == {("first", -1): S.QUEUED, ("last", -1): S.NONE, ("mapped", -1): S.NONE}
    await owner.end_all(EndEffectsRecord(map_length=2))
    await owner.turn()
    assert await owner.states() == {
        ("first", -1): S.SUCCESS,
        ("last", -1): S.NONE,
        ("mapped", 0): S.QUEUED,
        ("mapped", 1): S.QUEUED,
    }
    await owner.end_all()
    await owner.turn()
    await owner.end_all()
    assert (await owner.turn()).state is DagRunState.SUCCESS
    assert list((await owner.states()).values()) == [S.SUCCESS] * 4


async def test_with_nothing_to_map_over_the_task_and_what_follows_are_skipped(owner: Owner) -> None:
    await owner.turn()
    await owner.end_all(EndEffectsRecord(map_length=0))
    assert (await owner.turn()).state is DagRunState.SUCCESS
    assert await owner.states() == {("first", -1): S.SUCCESS, ("last", -1): S.SKIPPED, ("mapped", -1): S.SKIPPED}


async def test_without_a_length_the_task_cannot_be_expanded(owner: Owner) -> None:
    await owner.turn()
    await owner.end_all()
    assert (await owner.turn()).state is DagRunState.FAILED
    assert (await owner.states())["mapped", -1] is S.UPSTREAM_FAILED


async def test_what_a_branch_did_not_choose_is_skipped_by_whoever_reads_the_run_next(owner: Owner) -> None:
    await owner.turn()
    await owner.end_all(EndEffectsRecord(map_length=3, skipped=(("mapped", -1),)))
    row = await owner.driver.row(TaskInstanceId(owner.run.id, "mapped"))
    assert (row.state, row.skip_requested) == (S.NONE, True)
    await owner.turn()
    assert (await owner.states())["mapped", -1] is S.SKIPPED


async def test_what_a_branch_did_not_choose_is_skipped_though_a_failure_ended_it_before(driver: Driver) -> None:
    tasks = (
        TaskSpec(task_id="first", downstream_task_ids=("below",)),
        TaskSpec(task_id="branch", downstream_task_ids=("below",)),
        TaskSpec(task_id="below", upstream_task_ids=("first", "branch")),
    )
    run = await driver.started_run(*tasks)
    owner = Owner(driver, run, DagPlan(await driver.write_dag(*tasks)))
    await owner.turn()
    rows = {row.id.task_id: row for row in await driver.inside.task_instances(run.id)}
    await driver.beat()
    for task_id, fields in (
        ("first", {"outcome": Outcome.FAILED, "cause": EndCause.USER_ERROR}),
        ("branch", {"effects": EndEffectsRecord(skipped=(("below", -1),))}),
    ):
        attempt_id = rows[task_id].attempt_id
        assert attempt_id is not None
        await driver.store.grant_claims([driver.claim_of(run, task_id, attempt_id)], driver.now)
        await driver.end(run, task_id, attempt_id, **fields)
        decision = await owner.turn()
        assert (await owner.states())["below", -1] is (S.UPSTREAM_FAILED if task_id == "first" else S.SKIPPED)
    assert decision.state is DagRunState.SUCCESS


async def test_expanding_again_is_stale_and_changes_nothing(driver: Driver) -> None:
    run = await driver.started_run(MAPPED)
    whole = TaskInstanceId(run.id, "mapped")
    items = [TaskInstanceId(run.id, "mapped", number) for number in range(2)]
    assert isinstance(await driver.commit(run, created=[created(whole)]), Committed)
    batch = DecisionBatch(
        scheduler_id=driver.scheduler_id,
        now=driver.now,
        runs=(guard_of(run),),
        replaced=(whole,),
        created=tuple(created(item) for item in items),
        changes=tuple(queued(item, driver.new_id()) for item in items),
    )
    for expected in (Committed, StaleRuns):
        assert type(await driver.store.commit_decisions(batch)) is expected
    rows = await driver.inside.task_instances(run.id)
    assert sorted((row.id.map_index, row.state) for row in rows) == [(0, S.QUEUED), (1, S.QUEUED)]


async def test_a_refused_batch_leaves_the_unmapped_row(driver: Driver) -> None:
    run = await driver.started_run(MAPPED)
    whole, item = TaskInstanceId(run.id, "mapped"), TaskInstanceId(run.id, "mapped", 0)
    await driver.commit(run, created=[created(whole)])
    stale = change(whole, S.SCHEDULED, S.SKIPPED)
    batch = DecisionBatch(
        scheduler_id=driver.scheduler_id,
        now=driver.now,
        runs=(guard_of(run),),
        replaced=(whole,),
        created=(created(item),),
        changes=(stale,),
    )
    assert isinstance(await driver.store.commit_decisions(batch), StaleRuns)
    (row,) = await driver.inside.task_instances(run.id)
    assert row.id == whole
