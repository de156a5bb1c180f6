"""One loop for every kind of request: everything that has arrived is one batch, one store call, one flush of answers.

Answers are sent, and requests settled, only after the store has committed. What the store cannot take at the moment
is answered with `retry`: whoever asked keeps it and asks again, so nothing needs to be put back into the queue.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

from tradewind.bus.port import Batch, Bus, Delivery, Message, Queue
from tradewind.collector.settings import CollectorLimits
from tradewind.core.errors import AdapterError, DomainError
from tradewind.db.store import StoreUnavailable
from tradewind.service.backoff import Jitter, retrying
from tradewind.service.lifecycle import Stopped, entered_unless_stopped, for_each
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.wire.codec import UndecodableMessage, decode, encode
from tradewind.wire.messages import Message as WireMessage

MAX_BATCH_SECONDS: Final = 1.0

RequestT = TypeVar("RequestT", bound=WireMessage)
HandlerRequestT = TypeVar("HandlerRequestT", bound=WireMessage, contravariant=True)


@dataclass(frozen=True, slots=True)
class Push:
    """A message to a queue that nobody asked for: a nudge to an owner, a kill to a worker. It may be lost."""

    queue: str
    message: WireMessage


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A message to whoever listens to a topic. It may be lost."""

    topic: str
    message: WireMessage


@dataclass(frozen=True, slots=True)
class Answers:
    """One reply per request, in order, and what else is to be told."""

    replies: Sequence[WireMessage]
    pushes: Sequence[Push] = ()
    broadcasts: Sequence[Broadcast] = ()


class Unanswerable(DomainError):
    """The request can be decoded but means nothing: it goes to the dead-letter queue, a refusal to its sender."""


class Handler(Protocol[HandlerRequestT]):
    """Turns a batch of requests into one store call."""

    def check(self, request: HandlerRequestT) -> None:
        """Raises `Unanswerable`."""
        ...

    async def answer(self, requests: Sequence[HandlerRequestT]) -> Answers:
        """Commit the batch; raises `StoreUnavailable`, or another `DomainError` if the database cannot hold a value of
        it, and then nothing was written."""
        ...

    def retry(self, request: HandlerRequestT) -> WireMessage:
        """The reply that says: ask again later."""
        ...

    def refusal(self, request: HandlerRequestT) -> WireMessage:
        """The reply to what can never be answered: its sender should let go of it."""
        ...


class AnsweringLoop(Generic[RequestT]):
    """Consumes one queue of requests."""

    def __init__(
        self,
        *,
        name: str,
        bus: Bus,
        queue: str,
        kind: type[RequestT],
        handler: Handler[RequestT],
        telemetry: Telemetry,
        jitter: Jitter,
        limits: CollectorLimits,
    ) -> None:
        self._name = name
        self._bus = bus
        self._queue = Queue(name=queue)
        self._kind = kind
        self._handler = handler
        self._telemetry = telemetry
        self._jitter = jitter
        self._limits = limits
        self._turns = telemetry.loop(name)
        self._metrics = _LoopMetrics(telemetry, name)
        self._log = get_logger(loop=name)
        self._is_consuming = False
        self._busy_since: float | None = None

    def is_keeping_up(self) -> bool:
        """False while requests may be waiting unheard: the queue is not consumed, or a batch takes over a second."""
        if self._busy_since is None:
            return self._is_consuming
        return asyncio.get_running_loop().time() - self._busy_since < MAX_BATCH_SECONDS

    async def run(self, stop: asyncio.Event) -> None:
        """Answer requests until `stop`; a batch that was taken is answered first."""
        consume = partial(self._consume, stop)
        await retrying(consume, name=self._name, stop=stop, jitter=self._jitter, telemetry=self._telemetry)

    async def _consume(self, stop: asyncio.Event) -> None:
        limits = self._limits
        consuming = self._bus.consume(self._queue, prefetch=limits.prefetch, max_batch=limits.max_batch)
        with suppress(Stopped):
            async with entered_unless_stopped(stop, consuming) as batches:
                self._is_consuming = True
                try:
                    await for_each(batches, self.run_once, stop)
                finally:
                    self._is_consuming = False

    async def run_once(self, batch: Batch) -> None:
        """Answer one batch."""
        self._busy_since = asyncio.get_running_loop().time()
        try:
            with self._turns.turn():
                await self._answer_batch(batch, self._busy_since)
        finally:
            self._busy_since = None

    async def _answer_batch(self, batch: Batch, received_at: float) -> None:
        requests = await self._decode(batch)
        if requests:
            answers = await self._answers(batch, requests)
            self._metrics.committed(len(requests), asyncio.get_running_loop().time() - received_at)
            await self._send(batch, [delivery for delivery, _ in requests], answers)

    async def _decode(self, batch: Batch) -> list[tuple[Delivery, RequestT]]:
        decoded: list[tuple[Delivery, RequestT]] = []
        for delivery in batch.deliveries:
            try:
                request = decode(delivery.message.body, self._kind)
            except UndecodableMessage as exc:
                await self._set_aside(batch, delivery, str(exc))
                continue
            try:
                self._handler.check(request)
            except Unanswerable as exc:
                await self._attempt(
                    "reply", partial(self._bus.reply, [(delivery, _body(self._handler.refusal(request)))])
                )
                await self._set_aside(batch, delivery, str(exc))
            else:
                decoded.append((delivery, request))
        return decoded

    async def _answers(self, batch: Batch, requests: Sequence[tuple[Delivery, RequestT]]) -> Answers:
        """All together; if the database refuses a value among them, each alone, so that one does not block others."""
        try:
            return await self._handler.answer([request for _, request in requests])
        except StoreUnavailable as exc:
            self._metrics.refused.inc(len(requests))
            self._log.warning("store.unavailable", error=str(exc), requests=len(requests))
            return Answers(replies=[self._handler.retry(request) for _, request in requests])
        except DomainError as exc:
            if len(requests) > 1:
                return _joined([await self._answers(batch, [request]) for request in requests])
            ((delivery, request),) = requests
            await self._set_aside(batch, delivery, str(exc))
            return Answers(replies=[self._handler.refusal(request)])

    async def _send(self, batch: Batch, deliveries: Sequence[Delivery], answers: Answers) -> None:
        # Owners hear of it first: the next task waits for them, while the worker only waits to forget this one.
        for push in answers.pushes:
            publish = partial(self._bus.publish, push.queue, [_body(push.message)], confirm=False)
            await self._attempt("push", publish)
        for broadcast in answers.broadcasts:
            await self._attempt("broadcast", partial(self._bus.broadcast, broadcast.topic, _body(broadcast.message)))
        replies = [(d, _body(reply)) for d, reply in zip(deliveries, answers.replies, strict=True)]
        await self._attempt("reply", partial(self._bus.reply, replies))
        await self._attempt("ack", partial(batch.ack, deliveries))

    async def _set_aside(self, batch: Batch, delivery: Delivery, reason: str) -> None:
        self._metrics.undecodable.inc()
        self._log.error("message.dead_lettered", queue=delivery.queue, reason=reason)
        await self._attempt("dead_letter", partial(batch.dead_letter, delivery, reason))

    async def _attempt(self, what: str, send: Callable[[], Awaitable[None]]) -> None:
        """Everything sent here may be lost: requests come again, the sweep finds ends that no nudge announced."""
        try:
            await send()
        except AdapterError as exc:
            self._metrics.lost.labels(what).inc()
            self._log.warning("bus.unavailable", sending=what, error=str(exc))


class _LoopMetrics:
    def __init__(self, telemetry: Telemetry, name: str) -> None:
        self.batch_sizes = telemetry.sizes(f"{name}_batch_size", f"{name}: requests committed together")
        self.seconds = telemetry.seconds(f"{name}_commit_seconds", f"{name}: from a batch's receipt to its commit")
        self.refused = telemetry.counter(f"{name}_refused_total", f"{name}: answered with retry, the store was away")
        self.undecodable = telemetry.counter(f"{name}_undecodable_total", f"{name}: sent to the dead-letter queue")
        self.lost = telemetry.counter(f"{name}_lost_total", f"{name}: sends that the bus refused", ("sending",))

    def committed(self, size: int, seconds: float) -> None:
        self.batch_sizes.observe(size)
        self.seconds.observe(seconds)


def _joined(parts: Sequence[Answers]) -> Answers:
    return Answers(
        replies=[reply for part in parts for reply in part.replies],
        pushes=[push for part in parts for push in part.pushes],
        broadcasts=[broadcast for part in parts for broadcast in part.broadcasts],
    )


def _body(message: WireMessage) -> Message:
    return Message(body=encode(message))
