"""Names of the queues and topics on the bus, and who reads and writes each."""

from typing import Final
from uuid import UUID

DISPATCH: Final = "tradewind.dispatch"
"""scheduler → any dispatcher: `DispatchBatch`."""

RUNS: Final = "tradewind.runs"
"""api or collector → any scheduler: `DagRunsCreated`."""

CLAIMS: Final = "tradewind.collector.claims"
"""worker → any collector, request/reply: `ClaimRequest` → `ClaimReply`."""

ENDS: Final = "tradewind.collector.ends"
"""worker → any collector, request/reply: `EndReport` → `EndReply`."""

HEARTBEATS: Final = "tradewind.collector.heartbeats"
"""worker → any collector, request/reply: `Heartbeat` → `HeartbeatReply`."""

TIMETABLES: Final = "tradewind.dag_processor.timetables"
"""api → any dag processor, request/reply: `TimetableQuestion` → `TimetableAnswer`."""

DEAD_LETTER: Final = "tradewind.dead_letter"
"""Whatever could not be decoded, with headers `x-reason` and `x-source-queue`."""

EVENTS: Final = "tradewind.events"
"""Topic, fan-out: `messages.Event`, that is `DagsChanged`, `TriggersCreated`, `DagRunsRevised`, `SlotsFreed` and
`PastChanged`."""

DAG_REQUESTS: Final = "tradewind.dag_requests"
"""Topic, fan-out, scheduler or api → dag processors: `DagRequestsCreated`."""

LOG_NEWS: Final = "tradewind.log_news"
"""Topic, fan-out, api or collector → every api: `LogsGrew`."""


def scheduler_queue(scheduler_id: UUID) -> str:
    """Exclusive queue of one scheduler: `TaskInstancesEnded` about the runs that it owns."""
    return f"tradewind.scheduler.{scheduler_id}"


def worker_queue(worker_id: str) -> str:
    """Exclusive queue of one worker (or local executor): `KillAttempts`."""
    return f"tradewind.worker.{worker_id}"
