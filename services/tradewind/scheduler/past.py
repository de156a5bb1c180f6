"""Tasks that wait for what becomes of the run before theirs (`depends_on_past`), which another scheduler may own."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from tradewind.bus.port import Bus, Message
from tradewind.core.batches import RunChanges
from tradewind.core.decisions import RunDecision
from tradewind.core.errors import AdapterError
from tradewind.core.gates import past_gate, past_question
from tradewind.core.snapshot import RunSnapshot
from tradewind.core.states import TaskInstanceState
from tradewind.db.store import SchedulerStore
from tradewind.scheduler.inbox import Inbox, Work
from tradewind.service.logging import get_logger
from tradewind.wire.codec import encode
from tradewind.wire.messages import DagsChanged, PastChanged
from tradewind.wire.queues import EVENTS


class PastRuns:
    """Which runs in memory wait for their past; asks the store about it, and tells others when a past changes."""

    def __init__(self, *, store: SchedulerStore, bus: Bus, inbox: Inbox, scheduler_id: UUID) -> None:
        self._store = store
        self._bus = bus
        self._inbox = inbox
        self._scheduler_id = scheduler_id
        self._waiting: dict[int, str] = {}
        """Run → its DAG."""
        self._log = get_logger()

    def note(self, snapshot: RunSnapshot) -> None:
        """After a commit: whether the run waits."""
        if snapshot.waiting_for_past:
            self._waiting[snapshot.run.id] = snapshot.run.dag_id
        else:
            self._waiting.pop(snapshot.run.id, None)

    def forget(self, dag_run_id: int) -> bool:
        """The run leaves memory; True = it waits."""
        return self._waiting.pop(dag_run_id, None) is not None

    def waiting(self, work: Work) -> Sequence[int]:
        """Runs whose past may have changed, by what this turn has heard."""
        return [run_id for run_id, dag_id in self._waiting.items() if work.any_past or dag_id in work.past_of]

    async def ask(self, asking: Sequence[tuple[RunSnapshot, RunDecision]]) -> Mapping[int, Mapping[int, bool]]:
        """Whether the past lets these tasks start: by run, by place. Raises `StoreUnavailable`."""
        places = [(snapshot, place) for snapshot, decision in asking for place in decision.asks_past]
        questions = [past_question(snapshot.run, snapshot.plan.spec, snapshot.plan.tasks[p]) for snapshot, p in places]
        answers: dict[int, dict[int, bool]] = {snapshot.run.id: {} for snapshot, _ in asking}
        for (snapshot, place), past in zip(places, await self._store.load_past(questions), strict=True):
            gate = past_gate(snapshot.plan.spec, snapshot.plan.tasks[place], past)
            answers[snapshot.run.id][place] = gate.is_open
        return answers

    async def tell(self, changes: Sequence[RunChanges]) -> None:
        """After a commit: later runs of these DAGs may go on, here or elsewhere. What is lost, the sweep finds."""
        dag_ids = tuple(dict.fromkeys(change.snapshot.run.dag_id for change in changes if _changes_past(change)))
        if dag_ids:
            self._inbox.past(dag_ids)
            await self._broadcast(PastChanged(scheduler_id=self._scheduler_id, dag_ids=dag_ids))

    async def tell_paused(self, dag_ids: Sequence[str]) -> None:
        """Too many runs of these DAGs have failed: they start no more tasks, here or elsewhere."""
        if dag_ids:
            self._log.warning("dags.paused", dag_ids=list(dag_ids), reason="max_consecutive_failed_dag_runs")
            await self._broadcast(DagsChanged(dag_ids=tuple(dag_ids)))

    async def _broadcast(self, message: PastChanged | DagsChanged) -> None:
        try:
            await self._bus.broadcast(EVENTS, Message(body=encode(message)))
        except AdapterError as exc:
            self._log.warning("bus.unavailable", sending=type(message).__name__, error=str(exc))


def waiting_for_past(snapshot: RunSnapshot) -> Sequence[int]:
    """Instances that would start, were it not for their past."""
    return [
        position
        for place in snapshot.waiting_for_past
        for position in snapshot.instances.of(place)
        if snapshot.states[position] in (TaskInstanceState.NONE, TaskInstanceState.UP_FOR_RETRY)
    ]


def _changes_past(change: RunChanges) -> bool:
    decision = change.decision
    # A run that has just been loaded may have been changed by a person, who tells only its owner.
    return change.snapshot.plan.has_past and bool(
        decision.acknowledged or decision.ended or decision.settled or decision.created or decision.state
    )
