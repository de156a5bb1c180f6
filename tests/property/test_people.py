"""What people ask of runs of random DAGs: which task instances are meant, and what becomes of them and their runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from uuid import UUID

from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.dag_specs import VERSION_ID, dag, dag_run, task
from tests.property.test_dependencies import random_dag
from tradewind.core.clearing import Clearing, clear_dag_runs, cleared_rows
from tradewind.core.marking import Marking, mark_dag_run, mark_task_instances
from tradewind.core.relatives import Choice, ChoiceRequest, Marker, Relatives, is_chosen
from tradewind.core.revisions import FINISHED_RUN_STATES, FINISHED_STATES, RevisedTaskInstance, RunRevision
from tradewind.core.rows import LoadedRun, TaskInstanceId, TaskInstanceRow
from tradewind.core.snapshot import DagPlan, RunSnapshot
from tradewind.core.spec import DagSpec, LengthKind, MapLength, TaskGroupSpec, TaskSpec
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.core.transitions import ACTORS, TRANSITIONS, Actor

S = TaskInstanceState
LATER_VERSION = UUID(int=77)
HELD = (S.RUNNING, S.RESTARTING)
SEEDS = st.integers(min_value=0, max_value=2**32)


def random_run(random: Random, spec: DagSpec) -> LoadedRun:
    """Rows in any state, some tasks expanded, some without rows."""
    mapped = {task.task_id for task in spec.tasks if Relatives(spec).is_mapped(task.task_id)}
    rows: list[TaskInstanceRow] = []
    for each in spec.tasks:
        if random.random() < 0.1:
            continue
        is_expanded = each.task_id in mapped and random.random() < 0.7
        indexes = range(random.randint(1, 3)) if is_expanded else (-1,)
        rows += [random_row(random, TaskInstanceId(1, each.task_id, map_index)) for map_index in indexes]
    state = random.choice(tuple(DagRunState))
    return LoadedRun(run=dag_run(state=state), task_instances=tuple(sorted(rows, key=lambda row: row.id)))


def random_row(random: Random, id_: TaskInstanceId) -> TaskInstanceRow:
    state = random.choice(tuple(S))
    begun = state not in (S.NONE, S.REMOVED)
    return TaskInstanceRow(
        id=id_,
        state=state,
        try_number=random.randint(1, 3) if begun else random.randint(0, 2),
        max_tries=random.randint(0, 3),
        attempt_id=UUID(int=random.getrandbits(64)) if begun else None,
        held_slots=int(state in (S.QUEUED, *HELD)),
        skip_requested=random.random() < 0.2,
    )


def random_markers(random: Random, spec: DagSpec) -> tuple[Marker, ...] | None:
    if random.random() < 0.2 or not spec.tasks:
        return None
    names = [task.task_id for task in random.choices(spec.tasks, k=random.randint(1, 3))]
    return tuple((name, random.randint(0, 2)) if random.random() < 0.3 else name for name in names)


def random_clearing(random: Random, spec: DagSpec, later: DagSpec | None = None) -> Clearing:
    request = ChoiceRequest(
        markers=random_markers(random, spec),
        include_upstream=random.random() < 0.4,
        include_downstream=random.random() < 0.4,
        is_of_one_run=random.random() < 0.7,
    )
    return Clearing(
        specs={VERSION_ID: spec} if later is None else {VERSION_ID: spec, LATER_VERSION: later},
        choice=Relatives(spec).choice(request),
        only_failed=random.random() < 0.3,
        only_running=random.random() < 0.2,
        resets_dag_runs=random.random() < 0.8,
        latest_version_id=None if later is None else LATER_VERSION,
    )


def naive_reach(spec: DagSpec, start: str, *, upstream: bool) -> set[str]:
    edges = {(up, each.task_id) for each in spec.tasks for up in each.upstream_task_ids}
    found, before = {start}, set[str]()
    while found != before:
        before = set(found)
        found |= {a if upstream else b for a, b in edges if (b if upstream else a) in found}
    return found - {start}


def apply(run: LoadedRun, revision: RunRevision) -> LoadedRun:
    """The run as a store would hold it afterwards."""
    revised = {row.id: row for row in revision.task_instances}
    created = [TaskInstanceRow(id=new.id, max_tries=new.max_tries) for new in revision.created]
    rows = [_applied(row, revised.get(row.id)) for row in (*run.task_instances, *created)]
    after = replace(run.run, state=revision.state or run.run.state, revision=run.run.revision + 1)
    if revision.dag_version_id is not None:
        after = replace(after, dag_version_id=revision.dag_version_id)
    return LoadedRun(run=after, task_instances=tuple(sorted(rows, key=lambda row: row.id)))


def _applied(row: TaskInstanceRow, revised: RevisedTaskInstance | None) -> TaskInstanceRow:
    if revised is None:
        return row
    row = replace(row, state=revised.state, max_tries=revised.max_tries, skip_requested=revised.skip_requested)
    return replace(row, held_slots=0 if revised.voids else row.held_slots, end_pending=revised.end_pending)


def assert_legal(run: LoadedRun, revision: RunRevision) -> None:
    """Each change is in the table, and one that the API may cause; rows are named once and in key order."""
    before = {row.id: row for row in run.task_instances}
    created = {new.id: None for new in revision.created}
    ids = [row.id for row in revision.task_instances]
    assert ids == sorted(set(ids))
    for row in revision.task_instances:
        state = S.NONE if row.id in created else before[row.id].state
        events = [each for each, after in TRANSITIONS[state].items() if after is row.state]
        assert row.state is state or any(Actor.API in ACTORS[each] for each in events), (state, row)


@given(SEEDS)
@settings(max_examples=200)
def test_relatives_are_what_the_edges_say(seed: int) -> None:
    spec = random_dag(Random(seed))
    relatives = Relatives(spec)
    for each in spec.tasks:
        assert set(relatives.upstream(each.task_id)) == naive_reach(spec, each.task_id, upstream=True)
        assert set(relatives.downstream(each.task_id)) == naive_reach(spec, each.task_id, upstream=False)


@given(SEEDS)
@settings(max_examples=300)
def test_a_choice_holds_what_was_named_its_relatives_and_their_setups_and_nothing_else(seed: int) -> None:
    random = Random(seed)
    spec = random_dag(random)
    markers = random_markers(random, spec)
    request = ChoiceRequest(
        markers=markers, include_upstream=random.random() < 0.5, include_downstream=random.random() < 0.5
    )
    choice = Relatives(spec).choice(request)
    if markers is None:
        assert choice is None
        return
    assert choice is not None
    named = [marker if isinstance(marker, str) else marker[0] for marker in markers]
    for marker in markers:
        assert is_chosen(choice, *((marker, -1) if isinstance(marker, str) else marker))
    for each in named:
        above, below = naive_reach(spec, each, upstream=True), naive_reach(spec, each, upstream=False)
        assert not request.include_upstream or above <= set(choice)
        assert not request.include_downstream or below <= set(choice)
    if not request.include_upstream and not request.include_downstream:
        helpers = {task.task_id for task in spec.tasks if task.is_setup or task.is_teardown}
        assert set(choice) - set(named) <= helpers


@given(SEEDS)
@settings(max_examples=400)
def test_what_is_cleared_begins_anew_and_nothing_else_changes(seed: int) -> None:
    random = Random(seed)
    spec = random_dag(random)
    run, clearing = random_run(random, spec), random_clearing(random, spec)
    meant = {row.id: row for row in cleared_rows([run], clearing)}
    revisions = clear_dag_runs([run], clearing)
    if not revisions:
        assert not meant
        return
    (revision,) = revisions
    assert_legal(run, revision)
    resets = clearing.resets_dag_runs and run.run.state in FINISHED_RUN_STATES
    assert revision.state is (DagRunState.QUEUED if resets else None)
    after = apply(run, revision)
    for old, new in zip(run.task_instances, after.task_instances, strict=True):
        if old.id not in meant:
            assert replace(new, skip_requested=old.skip_requested) == old
            continue
        assert new.state is (S.RESTARTING if old.state in HELD else S.NONE)
        assert new.held_slots == (old.held_slots if old.state in HELD else 0)
        assert old.state in HELD or new.max_tries == old.try_number + tasks_of(spec)[old.id.task_id].retries
        assert not new.end_pending or after.run.state is DagRunState.RUNNING
    event(f"{len(meant)} cleared")
    assert cleared_rows([after], clearing) == [] or not (clearing.only_failed or clearing.only_running)


@given(SEEDS)
@settings(max_examples=200)
def test_clearing_twice_comes_to_the_same(seed: int) -> None:
    random = Random(seed)
    spec = random_dag(random)
    run = random_run(random, spec)
    clearing = replace(random_clearing(random, spec), only_failed=False, only_running=False)
    once = [apply(run, each) for each in clear_dag_runs([run], clearing)] or [run]
    twice = [apply(once[0], each) for each in clear_dag_runs(once, clearing)] or once
    assert [row.state for row in twice[0].task_instances] == [row.state for row in once[0].task_instances]
    assert twice[0].run.state is once[0].run.state


@given(SEEDS)
@settings(max_examples=300)
def test_a_run_that_moves_to_another_version_can_be_decided_by_it(seed: int) -> None:
    random = Random(seed)
    spec, later = random_dag(random), random_dag(random)
    run, clearing = random_run(random, spec), random_clearing(random, spec, later)
    for revision in clear_dag_runs([run], clearing):
        assert_legal(run, revision)
        after = apply(run, revision)
        known = tasks_of(later)
        for row in after.task_instances:
            assert row.id.task_id in known or row.state is S.REMOVED
        RunSnapshot(after, DagPlan(later))
        event("moved")


@given(SEEDS, st.sampled_from((S.SUCCESS, S.FAILED, S.SKIPPED)))
@settings(max_examples=300)
def test_a_mark_holds_and_only_failures_below_are_cleared(seed: int, mark: TaskInstanceState) -> None:
    random = Random(seed)
    spec = random_dag(random)
    run = random_run(random, spec)
    task_id = random.choice(spec.tasks).task_id
    below = dict.fromkeys(Relatives(spec).subset((task_id,), include_downstream=True))
    specs: Mapping[UUID, DagSpec] = {VERSION_ID: spec}
    cleared = Clearing(specs=specs, choice=below, left_out={task_id: None}, only_failed=True)
    choice: Choice = dict.fromkeys((task_id, *below)) if random.random() < 0.5 else {task_id: None}
    revisions = mark_task_instances([run], Marking(state=mark, choice=choice, cleared=cleared))
    marked = [row for row in run.task_instances if row.id.task_id in choice and row.state not in (mark, S.REMOVED)]
    assert bool(revisions) is bool(marked)
    for revision in revisions:
        assert_legal(run, revision)
        before = {row.id: row for row in run.task_instances}
        for row in revision.task_instances:
            old = before[row.id]
            if row.id.task_id in choice:
                assert (row.state, row.voids, row.finishes) == (mark, True, True)
            elif row.state is not old.state:
                assert (old.state in (S.FAILED, S.UPSTREAM_FAILED), row.state) == (True, S.NONE)
                assert row.id.task_id in below
        assert mark_task_instances([apply(run, revision)], Marking(state=mark, choice=choice, cleared=cleared)) == ()


@given(SEEDS, st.sampled_from((DagRunState.SUCCESS, DagRunState.FAILED)))
@settings(max_examples=300)
def test_a_marked_run_is_over_but_for_its_teardowns(seed: int, mark: DagRunState) -> None:
    random = Random(seed)
    spec = random_dag(random)
    run = random_run(random, spec)
    revision = mark_dag_run(run, spec, mark)
    assert_legal(run, revision)
    after = apply(run, revision)
    teardowns = {task.task_id for task in spec.tasks if task.is_teardown}
    unfinished = [row for row in after.task_instances if row.state not in FINISHED_STATES]
    assert {row.id.task_id for row in unfinished} <= teardowns
    assert revision.state is (None if unfinished else mark)
    before = {row.id: row.state for row in run.task_instances}
    for row in after.task_instances:
        if before.get(row.id) in FINISHED_STATES:
            assert row.state is before[row.id]
    assert {row.id.task_id for row in after.task_instances} == set(tasks_of(spec))


def test_inside_a_mapped_group_relatives_are_meant_index_by_index() -> None:
    length = MapLength(kind=LengthKind.LITERAL, length=3)
    spec = dag(
        task("source"),
        task("a", "source", task_group_id="group"),
        task("b", "a", task_group_id="group"),
        task("sink", "b"),
        task_groups=(TaskGroupSpec(group_id="group", map_length=length),),
    )
    request = ChoiceRequest(markers=(("a", 1),), include_downstream=True)
    assert Relatives(spec).choice(request) == {"a": (1,), "b": (1,), "sink": None}
    request = ChoiceRequest(markers=(("b", 2),), include_upstream=True)
    assert Relatives(spec).choice(request) == {"b": (2,), "a": (2,), "source": None}


def test_a_task_between_a_setup_and_its_teardown_is_cleared_with_both() -> None:
    spec = dag(
        task("setup", is_setup=True),
        task("work", "setup"),
        task("other", "setup"),
        task("teardown", "setup", "work", "other", is_teardown=True),
    )
    assert Relatives(spec).choice(ChoiceRequest(markers=("work",))) == {"work": None, "setup": None, "teardown": None}
    below = Relatives(spec).choice(ChoiceRequest(markers=("setup",)))
    assert below == {"setup": None, "teardown": None}


def test_what_a_branch_did_not_choose_is_asked_anew_when_the_branch_is_cleared() -> None:
    spec = dag(task("branch"), task("left", "branch"), task("right", "branch"))
    rows = (
        TaskInstanceRow(id=TaskInstanceId(1, "branch"), state=S.SUCCESS, try_number=1),
        TaskInstanceRow(id=TaskInstanceId(1, "left"), state=S.SKIPPED, skip_requested=True),
        TaskInstanceRow(id=TaskInstanceId(1, "right"), state=S.SUCCESS, try_number=1),
    )
    run = LoadedRun(run=dag_run(state=DagRunState.SUCCESS), task_instances=rows)
    alone = Clearing(specs={VERSION_ID: spec}, choice={"left": None})
    assert [row.skip_requested for row in revised(run, alone)] == [True]
    whole = Clearing(specs={VERSION_ID: spec})
    assert [row.skip_requested for row in revised(run, whole)] == [False, False, False]


def revised(run: LoadedRun, clearing: Clearing) -> Sequence[RevisedTaskInstance]:
    (revision,) = clear_dag_runs([run], clearing)
    return revision.task_instances


def tasks_of(spec: DagSpec) -> dict[str, TaskSpec]:
    return {task.task_id: task for task in spec.tasks}
