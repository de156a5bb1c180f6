"""Commands that ask: what `celery inspect` and flower want to know."""

import asyncio
import os
import platform
import resource
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final
from uuid import UUID

import msgspec

from tradewind.wire.celery import TASK_NAME
from tradewind.worker.celery_control.controlled import CommandRefused, ControlledWorker
from tradewind.worker.celery_control.ledger import HeldTask

Arguments = dict[str, Any]

_RUSAGE: Final = (
    *("utime", "stime", "maxrss", "ixrss", "idrss", "isrss", "minflt", "majflt", "nswap", "inblock", "oublock"),
    *("msgsnd", "msgrcv", "nsignals", "nvcsw", "nivcsw"),
)
_AMQP_PORT: Final = 5672
_AMQPS_PORT: Final = 5671


class _Active(msgspec.Struct):
    safe: bool = False


class _Query(msgspec.Struct):
    ids: list[str] | str


class _Hello(msgspec.Struct):
    from_node: str = ""


class Inspection:
    """One method per command; each takes the command's arguments and returns its answer. Raises `CommandRefused`, or
    `msgspec.ValidationError` for arguments that are wrong. They are read leniently: flower sends 1 for true."""

    def __init__(self, worker: ControlledWorker) -> None:
        self._worker = worker
        self._began = asyncio.get_running_loop().time()

    def ping(self, _: Arguments) -> object:
        """Whether it lives."""
        return {"ok": "pong"}

    def active(self, arguments: Arguments) -> object:
        """What runs."""
        safe = msgspec.convert(arguments, _Active, strict=False).safe
        return self._infos(self._worker.ledger.active, safe=safe)

    def reserved(self, _: Arguments) -> object:
        """What waits for a slot or a grant."""
        return self._infos(self._worker.ledger.reserved)

    def scheduled(self, _: Arguments) -> object:
        """Nothing ever waits in a worker for its time: retries and reschedules are kept by the scheduler."""
        return []

    def revoked(self, _: Arguments) -> object:
        """Ids that would not be started here."""
        return [str(attempt_id) for attempt_id in self._worker.supervisor.revoked]

    def query_task(self, arguments: Arguments) -> object:
        """Those of the ids that are held here."""
        pids = self._worker.supervisor.pids
        return {
            str(held.task.attempt_id): (
                "reserved" if held.started_at is None else "active",
                held.info(self._worker.worker_id, pids.get(held.task.attempt_id)),
            )
            for held in self._worker.ledger.find(attempt_ids_of(msgspec.convert(arguments, _Query, strict=False).ids))
        }

    def registered(self, _: Arguments) -> object:
        """The one callable that exists."""
        return [TASK_NAME]

    def active_queues(self, _: Arguments) -> object:
        """The queues that it takes from, and how they are declared."""
        return [_queue(name) for name in self._worker.intakes.queues]

    def stats(self, _: Arguments) -> object:
        """Numbers about the process and its children."""
        worker = self._worker
        slots = worker.supervisor.concurrency
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "total": {TASK_NAME: worker.ledger.started_count},
            "pid": os.getpid(),
            "clock": str(worker.logical_clock.value),
            "uptime": round(asyncio.get_running_loop().time() - self._began),
            "pool": {
                "implementation": "tradewind: one child process per attempt",
                "max-concurrency": slots,
                "processes": list(worker.supervisor.pids.values()),
                "max-tasks-per-child": 1,
                "put-guarded-by-semaphore": True,
                "timeouts": [0, 0],
                "writes": "N/A",
            },
            "prefetch_count": max(1, worker.supervisor.prefetch) * len(worker.intakes.queues),
            **self._autoscaler(),
            "broker": self._broker(),
            "rusage": {name: getattr(used, f"ru_{name}") for name in _RUSAGE},
        }

    def conf(self, _: Arguments) -> object:
        """The settings that mean here what they mean to Celery."""
        celery = self._worker.settings.celery
        return {
            "accept_content": ["json"],
            "broker_url": self._shown_broker(),
            "enable_utc": True,
            "event_serializer": "json",
            "result_backend": None,
            "task_acks_late": False,
            "task_serializer": "json",
            "timezone": "UTC",
            "worker_concurrency": self._worker.supervisor.concurrency,
            "worker_enable_remote_control": celery.worker_enable_remote_control,
            "worker_prefetch_multiplier": 1,
            "worker_send_task_events": celery.worker_send_task_events,
        }

    def report(self, _: Arguments) -> object:
        """For bug reports."""
        worker, queues = self._worker, ",".join(self._worker.intakes.queues)
        lines = (
            f"software -> tradewind:{version('tradewind')} py:{platform.python_version()}",
            f"platform -> system:{platform.system()} {platform.release()} {platform.machine()}",
            f"broker   -> {self._shown_broker()}",
            f"worker   -> {worker.worker_id} slots:{worker.supervisor.concurrency} queues:{queues}",
            "results  -> reported to the collector; there is no result backend",
        )
        return {"ok": "\n".join(lines)}

    def clock(self, _: Arguments) -> object:
        """The logical clock."""
        return {"clock": self._worker.logical_clock.value}

    def hello(self, arguments: Arguments) -> object:
        """A stock worker of Celery's starts and asks its neighbours for what it missed."""
        if msgspec.convert(arguments, _Hello, strict=False).from_node == self._worker.worker_id:
            return None
        return {"revoked": self.revoked({}), "clock": self._worker.logical_clock.forward()}

    def _infos(self, tasks: Sequence[HeldTask], *, safe: bool = False) -> list[dict[str, Any]]:
        pids = self._worker.supervisor.pids
        return [held.info(self._worker.worker_id, pids.get(held.task.attempt_id), safe=safe) for held in tasks]

    def _autoscaler(self) -> dict[str, Any]:
        autoscale = self._worker.autoscale
        if autoscale is None:
            return {}
        slots, allowed = self._worker.supervisor.concurrency, autoscale.allowed
        return {"autoscaler": {"max": allowed.most, "min": allowed.fewest, "current": slots}}

    def _broker(self) -> dict[str, Any]:
        url = self._worker.broker
        is_tls = url.scheme == "amqps"
        return {
            "transport": "amqp",
            "hostname": url.host,
            "port": url.port or (_AMQPS_PORT if is_tls else _AMQP_PORT),
            "userid": url.user,
            "virtual_host": url.path.removeprefix("/") or "/",
            "ssl": is_tls,
        }

    def _shown_broker(self) -> str:
        return str(self._worker.broker.with_password("********" if self._worker.broker.password else None))


def attempt_ids_of(task_ids: Sequence[str] | str) -> list[UUID]:
    """Celery task ids as attempt ids; raises `CommandRefused`."""
    try:
        return [UUID(task_id) for task_id in ([task_ids] if isinstance(task_ids, str) else task_ids)]
    except ValueError:
        raise CommandRefused("a Celery task id is an attempt id here, a UUID, and this is none") from None


def _queue(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "exchange": {"name": "", "type": "direct", "durable": True, "auto_delete": False, "delivery_mode": 1},
        "routing_key": name,
        "queue_arguments": None,
        "binding_arguments": None,
        "consumer_arguments": None,
        "durable": True,
        "exclusive": False,
        "auto_delete": False,
        "no_ack": False,
        "alias": None,
        "bindings": [],
        "no_declare": None,
        "expires": None,
        "message_ttl": None,
        "max_length": None,
        "max_length_bytes": None,
        "max_priority": None,
    }
