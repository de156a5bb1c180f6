"""Every small situation, generated and not chosen: trigger rules over all ways in which upstream tasks can stand,
mapping over all small lengths, skips over all choices of a branch, setups and teardowns over all small DAGs and all
outcomes. What is checked are properties that hold in each of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations_with_replacement, product, zip_longest
from uuid import UUID

import pytest

from tests.dag_specs import NOW, dag, row, snapshot, task
from tests.simulation.invariants import may_run
from tradewind.core.batches import apply, run_changes
from tradewind.core.decide import decide, decide_loaded
from tradewind.core.decisions import RunDecision
from tradewind.core.rows import EndedTaskInstance, TaskInstanceId, TaskInstanceRow
from tradewind.core.snapshot import RunSnapshot
from tradewind.core.spec import DagSpec, LengthKind, MapLength, TaskSpec, TriggerRule
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.core.trigger_rules import Answer, UpstreamCounts, answer

S = TaskInstanceState
ENDS = (S.SUCCESS, S.SKIPPED, S.FAILED, S.UPSTREAM_FAILED, S.REMOVED)
OWN_ENDS = ENDS[:-1]
"""What a task comes to by itself or by its rule; only a changed DAG or a shorter map removes one."""
UPSTREAM_MAX = 4


# --- trigger rules --------------------------------------------------------------------------------------------------


def situations(states: Iterable[TaskInstanceState], largest: int = UPSTREAM_MAX) -> Iterator[tuple[S, ...]]:
    for size in range(largest + 1):
        yield from combinations_with_replacement(tuple(states), size)


def counted(situation: Sequence[S]) -> UpstreamCounts:
    return UpstreamCounts(len(situation), *(situation.count(state) for state in ENDS))


def completions(situation: tuple[S, ...]) -> Iterator[tuple[S, ...]]:
    """Every way in which the upstream tasks that are not done may end."""
    open_places = situation.count(S.NONE)
    ended = tuple(state for state in situation if state is not S.NONE)
    return (ended + rest for rest in combinations_with_replacement(OWN_ENDS, open_places))


@pytest.mark.parametrize("rule", TriggerRule)
def test_a_rule_answers_early_only_what_every_way_to_go_on_leads_to(rule: TriggerRule) -> None:
    for situation in situations((S.NONE, *ENDS)):
        said = answer(rule, counted(situation))
        final = [answer(rule, counted(done)) for done in completions(situation)]
        if said is Answer.RUN:
            assert all(each is Answer.RUN for each in final), situation
        elif said is Answer.UPSTREAM_FAILED:
            assert all(each is Answer.UPSTREAM_FAILED for each in final), situation
        elif said is Answer.SKIP:
            # A skip is told at once; had one waited, a failure among the rest would have outranked it.
            assert all(each in (Answer.SKIP, Answer.UPSTREAM_FAILED) for each in final), situation


@pytest.mark.parametrize("rule", TriggerRule)
def test_a_rule_lets_a_task_run_exactly_where_its_definition_does(rule: TriggerRule) -> None:
    count = 0
    for situation in situations((S.NONE, *OWN_ENDS)):
        assert (answer(rule, counted(situation)) is Answer.RUN) is may_run(rule, list(situation)), situation
        count += 1
    assert count == sum(_multisets(5, size) for size in range(UPSTREAM_MAX + 1))


@pytest.mark.parametrize("rule", TriggerRule)
def test_a_rule_never_waits_for_what_is_done(rule: TriggerRule) -> None:
    for situation in situations(OWN_ENDS, UPSTREAM_MAX + 1):
        assert answer(rule, counted(situation)) is not Answer.WAIT, situation


@pytest.mark.parametrize("rule", TriggerRule)
def test_success_everywhere_never_breaks_a_task(rule: TriggerRule) -> None:
    for size in range(1, UPSTREAM_MAX + 1):
        assert answer(rule, counted((S.SUCCESS,) * size)) is not Answer.UPSTREAM_FAILED


def _multisets(kinds: int, size: int) -> int:
    return len(list(combinations_with_replacement(range(kinds), size)))


# --- whole runs -----------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """A run that is decided turn by turn; what is ready gets its slots at once, and ends as it is told to."""

    spec: DagSpec
    outcomes: Mapping[str, S]
    rows: Sequence[TaskInstanceRow] = ()
    skips: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    snapshot: RunSnapshot = field(init=False)
    began: list[str] = field(default_factory=list[str])
    """Tasks in the order in which they began; an empty string after each turn."""
    finished_before: dict[str, dict[str, S]] = field(default_factory=dict[str, dict[str, S]])
    """How all tasks stood when this one began."""
    state: DagRunState | None = None

    def __post_init__(self) -> None:
        self.snapshot = snapshot(self.spec, self.rows)

    def live(self) -> "Run":
        decision = decide_loaded(self.snapshot, NOW)
        for _ in range(50):
            ends = self._turn(decision)
            if self.state is not None or not ends:
                return self
            decision = decide(self.snapshot, ends, (), NOW)
        raise AssertionError(f"no end of {self.spec}")

    def _turn(self, decision: RunDecision) -> list[EndedTaskInstance]:
        self.state = decision.state
        attempts = {position: UUID(int=1000 + position) for position in decision.ready}
        apply(run_changes(self.snapshot, decision, attempts))
        standing = self.states()
        for position in attempts:
            task_id = self.snapshot.task(position).task_id
            self.began.append(task_id)
            self.finished_before[task_id] = standing
        return [self._end(position, attempt) for position, attempt in attempts.items()]

    def _end(self, position: int, attempt: UUID) -> EndedTaskInstance:
        id_ = self.snapshot.id(position)
        return EndedTaskInstance(
            id=id_,
            owner=None,
            attempt_id=attempt,
            state=self.outcomes.get(id_.task_id, S.SUCCESS),
            next_action_at=None,
            skipped=tuple((skipped, -1) for skipped in self.skips.get(id_.task_id, ())),
        )

    def states(self) -> dict[str, S]:
        return {task.task_id: self.snapshot.states[place] for place, task in enumerate(self.snapshot.plan.tasks)}


# --- skips ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", TriggerRule)
def test_what_a_branch_does_not_choose_is_skipped_and_everything_else_goes_by_its_rule(rule: TriggerRule) -> None:
    below = ("x", "y", "z")
    for chosen in product((False, True), repeat=3):
        skipped = tuple(name for name, is_chosen in zip(below, chosen, strict=True) if not is_chosen)
        spec = dag(task("branch"), *(task(name, "branch", trigger_rule=rule) for name in below), task("end", *below))
        run = Run(spec, {}, skips={"branch": skipped}).live()
        by_rule = answer(rule, counted((S.SUCCESS,)))
        for name in below:
            began_first = rule is TriggerRule.ALWAYS
            expected = S.SKIPPED if (name in skipped and not began_first) or by_rule is Answer.SKIP else S.SUCCESS
            assert run.states()[name] is expected, (chosen, name)
        all_ran = all(run.states()[name] is S.SUCCESS for name in below)
        assert run.states()["end"] is (S.SUCCESS if all_ran else S.SKIPPED)
        assert run.state is DagRunState.SUCCESS


@pytest.mark.parametrize("state", [S.NONE, S.SCHEDULED, S.UP_FOR_RETRY, S.QUEUED, S.RUNNING, S.SUCCESS, S.FAILED])
def test_a_request_to_skip_comes_too_late_only_for_what_has_begun(state: S) -> None:
    attempt, branch = UUID(int=7), UUID(int=8)
    spec = dag(task("branch"), task("x", "branch", trigger_rule=TriggerRule.ALWAYS), task("y"))
    rows = [
        row("branch", state=S.RUNNING, try_number=1, attempt_id=branch, held_slots=1),
        row("x", state=state, try_number=1, attempt_id=attempt, held_slots=int(state in (S.QUEUED, S.RUNNING))),
        row("y", state=S.RUNNING, try_number=1, attempt_id=UUID(int=9), held_slots=1),
    ]
    loaded = snapshot(spec, rows)
    end = EndedTaskInstance(
        id=TaskInstanceId(1, "branch"),
        owner=None,
        attempt_id=branch,
        state=S.SUCCESS,
        next_action_at=None,
        skipped=(("x", -1),),
    )
    settled = {loaded.task(each.position).task_id: each.state for each in decide(loaded, [end], (), NOW).settled}
    has_begun = state in (S.QUEUED, S.RUNNING, S.SUCCESS, S.FAILED)
    assert settled == ({} if has_begun else {"x": S.SKIPPED})


# --- mapping --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pushed:
    """What an upstream task has come to."""

    state: S
    length: int | None = None


PUSHED = (
    *(Pushed(S.SUCCESS, length) for length in (None, 0, 1, 2, 3)),
    Pushed(S.FAILED),
    Pushed(S.SKIPPED),
    Pushed(S.UPSTREAM_FAILED),
    Pushed(S.NONE),
)


def of(task_id: str) -> MapLength:
    return MapLength(kind=LengthKind.XCOM, task_id=task_id)


def combined(kind: LengthKind, *parts: MapLength) -> MapLength:
    return MapLength(kind=kind, parts=parts)


def expected_length(kind: LengthKind, lengths: Sequence[int]) -> int:
    """By what Python itself makes of sequences of these lengths."""
    sequences = [range(length) for length in lengths]
    match kind:
        case LengthKind.PRODUCT:
            return len(list(product(*sequences)))
        case LengthKind.SUM:
            return len(list(chain(*sequences)))
        case LengthKind.SHORTEST:
            return len(list(zip(*sequences, strict=False)))
        case _:
            return len(list(zip_longest(*sequences)))


def mapped(length: MapLength, rule: TriggerRule, **pushed: Pushed) -> tuple[RunSnapshot, RunDecision]:
    spec = dag(*(task(name) for name in pushed), task("m", *pushed, map_length=length, trigger_rule=rule))
    rows = [
        row(name, state=each.state, try_number=1, map_length=each.length, attempt_id=UUID(int=1))
        for name, each in pushed.items()
        if each.state is not S.NONE
    ]
    rows += [
        row(name, state=S.RUNNING, try_number=1, attempt_id=UUID(int=2), held_slots=1)
        for name, each in pushed.items()
        if each.state is S.NONE
    ]
    loaded = snapshot(spec, [*rows, row("m")])
    return loaded, decide_loaded(loaded, NOW)


KINDS = (LengthKind.PRODUCT, LengthKind.SUM, LengthKind.SHORTEST, LengthKind.LONGEST)


@pytest.mark.parametrize("rule", TriggerRule)
@pytest.mark.parametrize("kind", KINDS)
def test_a_mapped_task_gets_as_many_instances_as_python_would_make(kind: LengthKind, rule: TriggerRule) -> None:
    for a, b in product(PUSHED, repeat=2):
        loaded, decision = mapped(combined(kind, of("a"), of("b")), rule, a=a, b=b)
        said = answer(rule, counted([each.state for each in (a, b)]))
        settled = {each.position: each.state for each in decision.settled}
        states, place = [a.state, b.state], loaded.plan.positions["m"]
        grown = [position for position in decision.ready if position >= 3]
        if S.FAILED in states or S.UPSTREAM_FAILED in states:
            # What it maps over has failed or was skipped: no trigger rule can help.
            assert (len(grown), settled.get(place)) == (0, S.UPSTREAM_FAILED), (a, b)
        elif S.SKIPPED in states:
            assert (len(grown), settled.get(place)) == (0, S.SKIPPED), (a, b)
        elif said is Answer.RUN and a.length is not None and b.length is not None:
            wanted = expected_length(kind, [a.length, b.length])
            assert (len(grown), settled.get(place)) == (wanted, None if wanted else S.SKIPPED), (a, b)
        elif said is Answer.RUN:
            # As in Airflow, a rule that is met before there is anything to map over is of no use.
            assert (len(grown), settled.get(place)) == (0, S.UPSTREAM_FAILED), (a, b)
        else:
            expected = {Answer.WAIT: None, Answer.SKIP: S.SKIPPED, Answer.UPSTREAM_FAILED: S.UPSTREAM_FAILED}[said]
            assert (len(grown), settled.get(place)) == (0, expected), (a, b)


@pytest.mark.parametrize("length", range(4))
def test_a_literal_is_mapped_over_without_any_upstream(length: int) -> None:
    _, decision = mapped(MapLength(kind=LengthKind.LITERAL, length=length), TriggerRule.ALL_SUCCESS)
    assert list(decision.ready) == [1 + index for index in range(length)]
    assert [settled.state for settled in decision.settled] == ([] if length else [S.SKIPPED])


# --- setups and teardowns -------------------------------------------------------------------------------------------

NAMES = ("a", "b", "c", "d")
EDGES = [(first, second) for at, first in enumerate(NAMES) for second in NAMES[at + 1 :]]


def small_dags(size: int) -> Iterator[DagSpec]:
    """Every DAG of so many tasks with at least one setup, in topological order."""
    names = NAMES[:size]
    edges = [edge for edge in EDGES if edge[1] in names]
    for present in product((False, True), repeat=len(edges)):
        above = {
            name: [a for (a, b), is_there in zip(edges, present, strict=True) if is_there and b == name]
            for name in names
        }
        for kinds in product(("plain", "setup", "teardown", "deciding teardown"), repeat=size):
            if "setup" in kinds:
                yield dag(*(_of_kind(name, kind, above[name]) for name, kind in zip(names, kinds, strict=True)))


def _of_kind(name: str, kind: str, above: Sequence[str]) -> TaskSpec:
    if "teardown" in kind:
        rule = TriggerRule.ALL_DONE_SETUP_SUCCESS
        return task(name, *above, is_teardown=True, trigger_rule=rule, on_failure_fail_dagrun=kind != "teardown")
    return task(name, *above, is_setup=kind == "setup")


OUTCOMES = (S.SUCCESS, S.FAILED, S.SKIPPED)


def reachable(spec: DagSpec, start: str, *, downstream: bool) -> set[str]:
    tasks = {each.task_id: each for each in spec.tasks}
    found: set[str] = set()
    waiting = [start]
    while waiting:
        at = tasks[waiting.pop()]
        following = at.downstream_task_ids if downstream else at.upstream_task_ids
        waiting += [each for each in following if each not in found]
        found |= {*following}
    return found


def check_run(run: Run) -> None:
    spec, states = run.spec, run.states()
    tasks = {each.task_id: each for each in spec.tasks}
    assert run.state is not None
    assert all(state in ENDS for state in states.values()), states
    for each in spec.tasks:
        setups = [above for above in each.upstream_task_ids if tasks[above].is_setup]
        if each.is_teardown:
            check_teardown(run, each, setups)
        else:
            check_work(run, each)
    broken = {name for name, state in states.items() if state in (S.FAILED, S.UPSTREAM_FAILED)}
    if not broken:
        assert run.state is DagRunState.SUCCESS
    if run.state is DagRunState.FAILED:
        assert broken


def check_teardown(run: Run, teardown: TaskSpec, setups: Sequence[str]) -> None:
    """It runs if anything was set up, and only after all that works in between."""
    states, has_begun = run.states(), teardown.task_id in run.began
    if setups:
        assert has_begun is any(states[setup] is S.SUCCESS for setup in setups)
    if has_begun:
        above = reachable(run.spec, teardown.task_id, downstream=False)
        between = [name for setup in setups for name in reachable(run.spec, setup, downstream=True) if name in above]
        standing = run.finished_before[teardown.task_id]
        assert all(standing[name] in ENDS for name in (*between, *teardown.upstream_task_ids))


def check_work(run: Run, work: TaskSpec) -> None:
    """It runs only over setups that succeeded, if it lies between them and their teardowns."""
    tasks = {each.task_id: each for each in run.spec.tasks}
    below = reachable(run.spec, work.task_id, downstream=True)
    if work.task_id not in run.began:
        return
    for name in reachable(run.spec, work.task_id, downstream=False):
        teardowns = [each for each in tasks[name].downstream_task_ids if tasks[each].is_teardown]
        if tasks[name].is_setup and (not teardowns or any(each in below for each in teardowns)):
            assert run.finished_before[work.task_id][name] is S.SUCCESS


@pytest.mark.parametrize("size", [2, 3])
def test_every_small_dag_with_setups_and_teardowns_under_every_outcome(size: int) -> None:
    count = 0
    for spec in small_dags(size):
        for outcomes in product(OUTCOMES, repeat=size):
            check_run(Run(spec, dict(zip(NAMES, outcomes, strict=False))).live())
            count += 1
    assert count == {2: 2 * (16 - 9) * 9, 3: 8 * (64 - 27) * 27}[size]


def test_an_ignored_teardown_never_decides_and_a_deciding_one_always_does() -> None:
    for is_deciding, outcome in product((False, True), OUTCOMES):
        teardown = _of_kind("t", "deciding teardown" if is_deciding else "teardown", ["s", "w"])
        spec = dag(task("s", is_setup=True), task("w", "s"), teardown)
        run = Run(spec, {"t": outcome}).live()
        assert (run.state is DagRunState.FAILED) is (is_deciding and outcome is S.FAILED)
