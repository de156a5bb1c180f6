"""What an author's code is asked outside of any task: when the next run of a DAG is due, or to hear of a run's end.

A request is a row. A dag processor takes it under a lease, has the DAG file's code run in a child, and finishes it. One
that cannot be answered is put off, for longer each time; it holds up nothing but its own DAG.
"""

import json
from collections.abc import Container, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tradewind.core.timetables.values import DataInterval

ATTEMPTS_MAX: Final = 3
"""Children that may be lost over a callback before it is given up; the next run is asked for again and again."""
FIRST_DELAY: Final = timedelta(seconds=5)
LONGEST_DELAY: Final = timedelta(minutes=10)


class RequestKind(StrEnum):
    """What is asked."""

    NEXT_RUN = "next_run"
    """Of a custom timetable; answered by the DAG's next run."""
    DAG_CALLBACK = "dag_callback"
    """The DAG's `on_success_callback` or `on_failure_callback`, by the state of the run."""
    DEADLINE = "deadline"
    """The callback of a deadline alert; `reason` is its place among the DAG's, and when it was due."""
    TASK_CALLBACK = "task_callback"
    """A task's `on_failure_callback` or `on_retry_callback`, its mail and listeners, where its process was lost before
    it could call them; `reason` is an `UnheardEnd`."""
    MAP_PARTITIONS = "map_partitions"
    """Of an author's own partition mapper: which partitions events count for; `reason` is an `AskedEvents` as JSON.
    There is one per DAG; its events wait in the DAG's queue, where the answers are put."""
    RUN_WEIGHTS = "run_weights"
    """Of priority strategies that want to know of the run: the weights of their tasks' tries in it."""
    RUN_BEGAN = "run_began"
    """Plugins' listeners are to hear of it: `on_dag_run_running`."""
    RUN_ENDED = "run_ended"
    """The same: `on_dag_run_success` or `on_dag_run_failed`, by the state of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnheardEnd:
    """A failed attempt of which nobody has been told."""

    task_id: str
    map_index: int
    try_number: int
    max_tries: int
    state: str
    detail: str
    ended_at: str
    """ISO 8601."""

    def as_text(self) -> str:
        """As the `reason` of a request."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> "UnheardEnd":
        """From the `reason` of a request."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDagRequest:
    """A request to insert; of `NEXT_RUN` there is one per DAG, which begins anew."""

    dag_id: str
    kind: RequestKind
    dag_run_id: int | None = None
    reason: str | None = None
    """Why the run ended, in a word: `success`, `task_failure`, `timed_out`, `all_tasks_deadlocked`; of other kinds what
    they say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedRun:
    """The run that a request is about."""

    run_id: str
    run_type: str
    state: str
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    queued_at: datetime
    start_date: datetime | None
    end_date: datetime | None
    triggered_by: str
    triggering_user_name: str | None
    conf: bytes
    """JSON."""
    last_task: tuple[str, int, str, int] | None = None
    """(task_id, map_index, state, try_number) of the task instance that ended last, of a failed run that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DagRequest:
    """A request as taken under a lease."""

    id: int
    generation: int
    """Raised when the request begins anew; an answer to an older one counts for nothing."""
    attempts: int
    """This one included."""
    dag_id: str
    kind: RequestKind
    relative_fileloc: str
    reason: str | None = None
    last: DataInterval | None = None
    """Of `NEXT_RUN`: what the last automated run was about."""
    run: RequestedRun | None = None


def next_run_requests(dag_ids: Iterable[str], asking: Container[str]) -> list[NewDagRequest]:
    """Questions for the next runs of those of the DAGs that ask."""
    return [NewDagRequest(dag_id=dag_id, kind=RequestKind.NEXT_RUN) for dag_id in dag_ids if dag_id in asking]


def delay_after(attempts: int) -> timedelta:
    """How long a request is put off that so many attempts could not answer."""
    return min(FIRST_DELAY * 2 ** min(attempts - 1, 20), LONGEST_DELAY)
