"""One sample of every message on the bus, each field away from its default, for the golden vectors."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from tradewind.wire import messages
from tradewind.wire.messages import (
    ClaimItem,
    ClaimReply,
    ClaimRequest,
    ClaimVerdict,
    DagRequestsCreated,
    DagRunsCreated,
    DagRunsRevised,
    DagsChanged,
    Deferral,
    DispatchBatch,
    EndEffects,
    EndReply,
    EndReport,
    EndVerdict,
    Grant,
    Heartbeat,
    HeartbeatReply,
    KillAttempts,
    LogsGrew,
    Message,
    PastChanged,
    QueuedTaskInstance,
    SlotsFreed,
    TaskFinished,
    TaskInstanceInCelery,
    TaskInstanceKey,
    TaskInstanceRef,
    TaskInstancesEnded,
    TaskStarted,
    TimetableAnswer,
    TimetableQuestion,
    TriggersCreated,
)

THIRD: Final = datetime(2026, 1, 3, tzinfo=UTC)
ATTEMPT: Final = UUID("019a0000-0000-7000-8000-0000000000a1")
OTHER_ATTEMPT: Final = UUID("019a0000-0000-7000-8000-0000000000a2")
INCARNATION: Final = UUID("019a0000-0000-7000-8000-0000000000b1")
SCHEDULER: Final = UUID("019a0000-0000-7000-8000-0000000000c1")
KEY: Final = TaskInstanceKey("tutorial", "extract", "manual__2026-01-02T03:04:05+00:00", 2, 7)


def at(second: int) -> datetime:
    """A moment with microseconds."""
    return datetime(2026, 1, 2, 3, 4, second, 678_901, tzinfo=UTC)


QUEUED: Final = QueuedTaskInstance(
    ti=TaskInstanceInCelery(
        key=KEY,
        command=(
            *("tradewind", "tasks", "run", KEY.dag_id, KEY.task_id, KEY.run_id),
            *("--map-index", "7", "--attempt-id", str(ATTEMPT)),
        ),
        queue="höher",
        task="tradewind.execute_command",
    ),
    attempt_id=ATTEMPT,
    priority=-3,
    pool_slots=2,
    executor="CeleryExecutor",
    relative_fileloc="team/tutorial.py",
    pool="höhle",
)

GRANT: Final = Grant(
    token="header.claims.signature",
    try_number=2,
    max_tries=3,
    relative_fileloc="team/tutorial.py",
    file_digest="sha256:00ff",
    run_type="manual",
    logical_date=at(1),
    data_interval_start=at(2),
    data_interval_end=at(3),
    run_after=at(4),
    dag_run_start_date=at(5),
    dag_run_queued_at=at(6),
    triggered_by="rest_api",
    conf=b'{"n": 1}',
    start_date=at(7),
    next_method="execute_complete",
    next_kwargs=b'{"event": "done"}',
    task_reschedule_count=3,
    first_start_date=at(11),
    triggering_user_name="zoë",
    partition_key="2026-01",
    map_lengths=(("extract", 5), ("other", 0)),
    partition_date=at(12),
    bundle_name="team",
    bundle_version="4f2a",
    bundle_digest="9c1e",
)

EFFECTS: Final = EndEffects(
    map_length=3,
    rendered_map_index="höhe 7",
    skipped=(("left", -1), ("right", 2)),
    reschedule_at=at(12),
    deferral=Deferral(
        classpath="team.triggers.Ready",
        kwargs=b'{"path": "/x"}',
        next_method="execute_complete",
        next_kwargs=b"{}",
        timeout_at=at(13),
        queue="höher",
    ),
    retry_delay_seconds=1.5,
    asset_events=(b'{"asset": {"name": "a", "uri": "s3://a"}}',),
    human_input=b'{"subject": "Go?"}',
)

FINISHED: Final = TaskFinished(
    key=KEY,
    attempt_id=ATTEMPT,
    outcome="failed",
    cause="user_error",
    detail="ValueError: naïve",
    started_at=at(8),
    ended_at=at(9),
    xcoms=(("return_value", b"[1, null]"), ("höhe", b'"x"')),
    log_sequence=4,
    log=b'{"event": "x"}\n',
    rendered_fields=b'{"bash_command": "true"}',
    pid=4321,
    hostname="worker-0.example",
    effects=EFFECTS,
    is_silent=True,
)

SAMPLES: Final[Sequence[Message]] = (
    DispatchBatch(items=(QUEUED, QUEUED)),
    DagRunsCreated(dag_ids=("tutorial", "other"), asset_dag_ids=("consumer",)),
    TaskInstancesEnded(items=(TaskInstanceRef(42, "extract", 7, ATTEMPT, "up_for_retry", at(10), 3, (("load", 2),)),)),
    ClaimRequest(worker_id="worker-0", incarnation=INCARNATION, items=(ClaimItem(KEY, ATTEMPT, 5),)),
    ClaimReply(items=(ClaimVerdict(ATTEMPT, "done", GRANT), ClaimVerdict(OTHER_ATTEMPT, "superseded"))),
    TaskStarted(attempt_id=ATTEMPT, pid=4321, started_at=at(8), hostname="worker-0.example"),
    FINISHED,
    EndReport(worker_id="worker-0", incarnation=INCARNATION, items=(FINISHED,)),
    EndReply(items=(EndVerdict(ATTEMPT, "done"), EndVerdict(OTHER_ATTEMPT, "retry"))),
    Heartbeat(
        worker_id="worker-0",
        incarnation=INCARNATION,
        sequence=9,
        hostname="worker-0.example",
        pid=4320,
        kind="celery",
        queues=("default", "höher"),
        concurrency=16,
        attempts=(ATTEMPT, OTHER_ATTEMPT),
        leaving=True,
        tags=("gpu",),
        pools=("slow",),
        draining=True,
    ),
    HeartbeatReply(verdict="expired", kill=(ATTEMPT,), drain=True),
    KillAttempts(attempts=(ATTEMPT, OTHER_ATTEMPT)),
    TriggersCreated(count=3),
    DagsChanged(dag_ids=("tutorial",)),
    DagRunsRevised(dag_run_ids=(42, 2**40)),
    SlotsFreed(scheduler_id=SCHEDULER, pools=("default_pool", "höher")),
    PastChanged(scheduler_id=SCHEDULER, dag_ids=("sales", "päst")),
    DagRequestsCreated(count=2),
    LogsGrew(keys=(KEY,)),
    TimetableQuestion(
        dag_id="päst",
        relative_fileloc="own.py",
        kind="past_runs",
        first=datetime(2026, 1, 2, tzinfo=UTC),
        last=THIRD,
        limit=7,
    ),
    TimetableAnswer(runs=((THIRD, THIRD, THIRD),), error="Traceback …"),
)


def tag_of(kind: type[msgspec.Struct]) -> str | None:
    """The tag that a struct carries on the wire; None for a part of others."""
    tag = kind.__struct_config__.tag
    assert tag is None or isinstance(tag, str)
    return tag


def message_structs() -> list[type[Message]]:
    """Every struct of the wire, parts included, in order of definition."""
    found = [value for value in vars(messages).values() if isinstance(value, type) and issubclass(value, Message)]
    return [kind for kind in found if kind is not Message]
