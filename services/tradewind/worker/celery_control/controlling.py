"""Commands that change something: what `celery control` and flower's buttons send."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from tradewind.core.autoscale import SlotRange
from tradewind.service.logging import get_logger
from tradewind.worker.celery_control.controlled import CommandRefused, ControlledWorker
from tradewind.worker.celery_control.inspecting import Arguments, attempt_ids_of

_CONCURRENCY_MAX: Final = 10_000
_QUEUES_MAX: Final = 100
_QUEUE_NAME_MAX_BYTES: Final = 255
_OWN_QUEUES: Final = ("tradewind.", "amq.")
_IDS_MAX: Final = 10_000


class _Revoke(msgspec.Struct):
    task_id: list[str] | str
    terminate: bool | None = False
    signal: str | int | None = None


class _Terminate(msgspec.Struct):
    task_id: list[str] | str
    signal: str | int | None = None


class _Number(msgspec.Struct):
    n: int = 1


class _Range(msgspec.Struct):
    max: int | None = None
    min: int | None = None


class _Consumer(msgspec.Struct):
    queue: str
    exchange: str | None = None
    exchange_type: str | None = None
    routing_key: str | None = None


class Changes:
    """One method per command; see `Inspection`."""

    def __init__(self, worker: ControlledWorker) -> None:
        self._worker = worker
        self._log = get_logger(worker_id=worker.worker_id)

    def revoke(self, arguments: Arguments) -> object:
        """Attempts that shall not start; with `terminate`, those that run are ended, too."""
        wanted = msgspec.convert(arguments, _Revoke, strict=False)
        attempt_ids = _some_ids(wanted.task_id)
        if wanted.terminate:
            return self._terminate(attempt_ids)
        self._worker.supervisor.revoke(attempt_ids)
        self._log.info("celery_control.revoked", attempts=[str(attempt_id) for attempt_id in attempt_ids])
        return {"ok": f"tasks {_listed(attempt_ids)} flagged as revoked"}

    def terminate(self, arguments: Arguments) -> object:
        """`revoke` with `terminate`. The signal is not asked about: SIGTERM, and SIGKILL after the grace."""
        return self._terminate(_some_ids(msgspec.convert(arguments, _Terminate, strict=False).task_id))

    def pool_grow(self, arguments: Arguments) -> object:
        """More slots."""
        self._resize(_positive(arguments))
        return {"ok": "pool will grow"}

    def pool_shrink(self, arguments: Arguments) -> object:
        """Fewer slots; what runs is left alone."""
        self._resize(-_positive(arguments))
        return {"ok": "pool will shrink"}

    def autoscale(self, arguments: Arguments) -> object:
        """Another range of slots; what runs beyond it is left alone."""
        autoscale, wanted = self._worker.autoscale, msgspec.convert(arguments, _Range, strict=False)
        if autoscale is None:
            raise CommandRefused("autoscale is not enabled (worker_autoscale); use pool_grow and pool_shrink")
        most = autoscale.allowed.most if wanted.max is None else wanted.max
        fewest = min(autoscale.allowed.fewest, most) if wanted.min is None else wanted.min
        if not 1 <= fewest <= most <= _CONCURRENCY_MAX:
            raise CommandRefused(f"max={most} min={fewest} is no range within 1 and {_CONCURRENCY_MAX}")
        autoscale.allowed = SlotRange(fewest=fewest, most=most)
        self._log.info("celery_control.autoscale_changed", most=most, fewest=fewest)
        return {"ok": f"autoscale now max={most} min={fewest}"}

    def add_consumer(self, arguments: Arguments) -> object:
        """Take from one more queue."""
        wanted = msgspec.convert(arguments, _Consumer, strict=False)
        queue = wanted.queue
        if not 0 < len(queue.encode()) <= _QUEUE_NAME_MAX_BYTES or queue.startswith(_OWN_QUEUES):
            raise CommandRefused(f"{queue!r} is no name of a queue for tasks")
        if wanted.exchange not in (None, "", queue) or wanted.routing_key not in (None, queue):
            raise CommandRefused("task messages come by the default exchange under the queue's name; nothing is bound")
        if len(self._worker.intakes.queues) >= _QUEUES_MAX:
            raise CommandRefused(f"it takes from {_QUEUES_MAX} queues already")
        self._worker.intakes.add(queue)
        self._log.info("celery_control.queue_added", queue=queue)
        return {"ok": f"add consumer {queue}"}

    def cancel_consumer(self, arguments: Arguments) -> object:
        """Take from this queue no more."""
        queue = msgspec.convert(arguments, _Consumer, strict=False).queue
        self._worker.intakes.cancel(queue)
        self._log.info("celery_control.queue_cancelled", queue=queue)
        return {"ok": f"no longer consuming from {queue}"}

    def enable_events(self, _: Arguments) -> object:
        """Somebody wants to know what happens."""
        if not self._worker.events.enable():
            return {"ok": "task events already enabled"}
        self._worker.say("worker-online")
        return {"ok": "task events enabled"}

    def disable_events(self, _: Arguments) -> object:
        """Nobody does any more."""
        return {"ok": "task events disabled" if self._worker.events.disable() else "task events already disabled"}

    def heartbeat(self, _: Arguments) -> object:
        """Somebody has begun to listen and wants to know who is there."""
        self._worker.say("worker-heartbeat")
        return None

    def shutdown(self, _: Arguments) -> object:
        """Leave as on SIGTERM: take no more, let what runs finish within the grace."""
        self._log.warning("celery_control.shutdown")
        self._worker.stop.set()
        return {"ok": "draining, then leaving"}

    def _terminate(self, attempt_ids: Sequence[UUID]) -> object:
        held = self._worker.ledger.find(attempt_ids)
        self._worker.supervisor.terminate(attempt_ids)
        self._log.info("celery_control.terminated", attempts=[str(task.task.attempt_id) for task in held])
        if not held:
            return {"ok": "terminate: tasks unknown"}
        return {"ok": f"terminate: {_listed([task.task.attempt_id for task in held])}"}

    def _resize(self, by: int) -> None:
        if self._worker.autoscale is not None:
            raise CommandRefused("its slots follow its load: change the range with `autoscale`")
        slots = self._worker.supervisor.concurrency
        if not 1 <= slots + by <= _CONCURRENCY_MAX:
            raise CommandRefused(f"{slots} slots {by:+} would be {slots + by}; it has 1 to {_CONCURRENCY_MAX}")
        self._worker.supervisor.set_concurrency(slots + by)
        self._log.info("celery_control.resized", slots=slots + by)


def _some_ids(task_ids: Sequence[str] | str) -> list[UUID]:
    attempt_ids = attempt_ids_of(task_ids)
    if len(attempt_ids) > _IDS_MAX:
        raise CommandRefused(f"{len(attempt_ids)} ids at once are too many; {_IDS_MAX} are not")
    return attempt_ids


def _positive(arguments: Arguments) -> int:
    n = msgspec.convert(arguments, _Number, strict=False).n
    if n < 1:
        raise CommandRefused(f"n is {n}, which is less than 1")
    return n


def _listed(attempt_ids: Sequence[UUID]) -> str:
    return ", ".join(map(str, attempt_ids))


UNSUPPORTED: Final[dict[str, Any]] = {
    "rate_limit": "Tradewind limits by pools, max_active_tasks and slots, not by rates",
    "time_limit": "a task's limit is its execution_timeout",
    "pool_restart": "there is no pool to restart: each attempt has a child process of its own",
    "revoke_by_stamped_headers": "task messages carry no stamps; revoke by id",
    "objgraph": "not measured here",
    "memsample": "not measured here; see /metrics",
    "memdump": "not measured here; see /metrics",
}
"""Commands of Celery that are answered with an error, and the reason that is given."""
