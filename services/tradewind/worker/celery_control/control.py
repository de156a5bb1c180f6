"""Answering requests and sending events over one link, for as long as the worker works."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, NoReturn, Protocol

import msgspec
from yarl import URL

from tradewind.bus.port import BusUnavailable, Message, MessageTooLarge
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.wire.codec import UndecodableMessage
from tradewind.worker.celery_control.controlled import CommandRefused, ControlledWorker
from tradewind.worker.celery_control.controlling import UNSUPPORTED, Changes
from tradewind.worker.celery_control.events import EVENTS, HEARTBEAT_SECONDS
from tradewind.worker.celery_control.inspecting import Arguments, Inspection
from tradewind.worker.celery_control.mailbox import (
    REPLIES,
    REQUESTS,
    ControlRequest,
    is_for,
    parse_request,
    reply_message,
)

Command = Callable[[Arguments], object]

_LAST_WORDS_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 5.0


class Link(Protocol):
    """The way to the broker."""

    @property
    def broker(self) -> URL:
        """Its address."""
        ...

    async def run(self, queue: str, handle: Callable[[Message], Awaitable[None]]) -> NoReturn:
        """Hand every request to `handle` until cancelled."""
        ...

    async def wait_until_up(self) -> None:
        """Until there is a connection."""
        ...

    async def publish(self, exchange: str, messages: Sequence[tuple[str, Message]]) -> None:
        """Send (routing key, message) pairs; raises `BusUnavailable`."""
        ...


class CeleryControl:
    """Loops that serve Celery's tools. Whatever goes wrong in them is logged and concerns nobody else."""

    def __init__(self, worker: ControlledWorker, link: Link, telemetry: Telemetry) -> None:
        self._worker = worker
        self._link = link
        self._commands = _commands(worker)
        self._requests = telemetry.counter(
            "celery_requests_total", "Requests of Celery's remote control", ("command", "result")
        )
        self._log = get_logger(worker_id=worker.worker_id)

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        """Serve while the body runs, then say that the worker is gone."""
        async with asyncio.TaskGroup() as group:
            loops = [
                group.create_task(self._kept_up(loop), name=loop.__name__)
                for loop in (self._take_requests, self._publish_events, self._beat)
            ]
            try:
                yield
            finally:
                for task in loops[1:]:
                    task.cancel()
                await self._say_farewell()
                loops[0].cancel()

    async def _kept_up(self, loop: Callable[[], Awaitable[NoReturn]]) -> NoReturn:
        while True:
            try:
                await loop()
            except Exception:
                self._log.exception("celery_control.failed", loop=loop.__name__)
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _take_requests(self) -> NoReturn:
        await self._link.run(f"{self._worker.worker_id}.{REQUESTS}", self.handle)

    async def handle(self, message: Message) -> None:
        """One message of the mailbox: if this worker is meant, do as it says and answer."""
        self._worker.logical_clock.adjust(message.headers.get("clock"))
        try:
            request = parse_request(message)
            if not is_for(request, (self._worker.worker_id, self._worker.name)):
                return
        except UndecodableMessage as exc:
            self._requests.labels("", "undecodable").inc()
            self._log.error("celery_control.undecodable", reason=str(exc))
            return
        answer = self._answer(request)
        if request.reply_to is None:
            return
        clock = self._worker.logical_clock.forward()
        reply = reply_message(self._worker.worker_id, answer, ticket=request.ticket, clock=clock)
        try:
            await self._link.publish(REPLIES, [(request.reply_to.routing_key, reply)])
        except (BusUnavailable, MessageTooLarge) as exc:
            self._log.warning("celery_control.unanswered", method=request.method, error=str(exc))

    def _answer(self, request: ControlRequest) -> object:
        method = request.method
        if method in UNSUPPORTED:
            self._requests.labels(method, "unsupported").inc()
            return {"error": f"{method} is not supported by Tradewind's workers: {UNSUPPORTED[method]}"}
        command = self._commands.get(method)
        if command is None:
            self._requests.labels("", "unknown").inc()
            self._log.warning("celery_control.unknown_command", method=method)
            return {"error": f"unknown command {method!r}; known are {', '.join(sorted(self._commands))}"}
        try:
            answer = command(request.arguments or {})
        except (CommandRefused, msgspec.ValidationError) as exc:
            self._requests.labels(method, "refused").inc()
            self._log.warning("celery_control.refused", method=method, reason=str(exc))
            return {"error": f"{method}: {exc}"}
        self._requests.labels(method, "done").inc()
        return answer

    async def _publish_events(self) -> NoReturn:
        while True:
            await self._worker.events.arrived.wait()
            await self._link.wait_until_up()
            await self._send_events()

    async def _send_events(self) -> None:
        try:
            await self._link.publish(EVENTS, self._worker.events.take())
        except BusUnavailable as exc:
            self._log.warning("celery_control.events_lost", error=str(exc))

    async def _beat(self) -> NoReturn:
        while True:
            await self._worker.events.enabled.wait()
            await self._link.wait_until_up()
            self._worker.say("worker-heartbeat")
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _say_farewell(self) -> None:
        if self._worker.events.wants_tasks:
            self._worker.say("worker-offline")
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_SECONDS):
                    await self._send_events()


def _commands(worker: ControlledWorker) -> dict[str, Command]:
    ask, change = Inspection(worker), Changes(worker)
    commands: tuple[Command, ...] = (
        *(ask.ping, ask.active, ask.reserved, ask.scheduled, ask.revoked, ask.query_task, ask.registered),
        *(ask.active_queues, ask.stats, ask.conf, ask.report, ask.clock, ask.hello),
        *(change.revoke, change.terminate, change.pool_grow, change.pool_shrink, change.autoscale),
        *(change.add_consumer, change.cancel_consumer, change.enable_events, change.disable_events),
        *(change.heartbeat, change.shutdown),
    )
    named = {command.__name__: command for command in commands}
    aliases = {
        "dump_active": ask.active,
        "dump_reserved": ask.reserved,
        "dump_schedule": ask.scheduled,
        "dump_revoked": ask.revoked,
        "dump_tasks": ask.registered,
        "dump_conf": ask.conf,
    }
    return named | aliases
