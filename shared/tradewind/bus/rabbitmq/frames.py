"""Messages as AMQP 0-9-1 frames, many in one write, and the driver's exceptions as ours.

The driver (aiormq) takes 0.1 ms and a task per message to publish with confirms one by one; whole batches as one
buffer cost a third of that. Reading, connections and channels are the driver's own.
"""

import asyncio
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Final, cast

from aiormq.abc import ChannelFrame, DeliveredMessage
from aiormq.exceptions import AMQPError, ChannelInvalidStateError, DeliveryError, PublishError
from pamqp import commands, frame
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.common import FieldTable
from pamqp.header import ContentHeader

from tradewind.bus.port import BusUnavailable, Delivery, Message, MessageTooLarge, QueueNotFound
from tradewind.bus.rabbitmq.driver import Channel, Confirm, Joinable

_WRITE_BYTES: Final = 256 * 1024
"""Frames are written in pieces of about this size, each drained, so that a large batch is not buffered whole."""

_WRITE_TIMEOUT_SECONDS: Final = 30.0

_SMALL_BYTES: Final = 16 * 1024
"""What is not waited for; the driver's queue of things to write holds ten of these."""

_FRAME_OVERHEAD_BYTES: Final = 8

_MAX_UNCONFIRMED: Final = 2_000
"""Messages of one batch that may await their confirm at once: the driver looks at all of them for each confirm."""


@contextmanager
def broker_errors() -> Generator[None]:
    """Raise the driver's exceptions as `BusUnavailable`."""
    try:
        yield
    except (AMQPError, ChannelInvalidStateError, OSError) as exc:
        raise BusUnavailable(f"the broker refused or was lost: {exc or type(exc).__name__}") from exc
    except asyncio.CancelledError as exc:
        # The driver cancels what waits on a connection that ends; that is no cancellation of our task.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise BusUnavailable("the connection to the broker was closed") from exc


def queue_messages(
    channel: Channel,
    queue: str,
    messages: Sequence[Message],
    *,
    exchange: str = "",
    expiration_milliseconds: int | None = None,
    message_ids: Sequence[str] = (),
) -> list[bytes]:
    """Each message as the bytes of its frames. With `message_ids` they are mandatory, and known by these when they
    come back. Raises `MessageTooLarge` for headers that do not fit into a frame."""
    mandatory = bool(message_ids)
    publish = frame.marshal(
        commands.Basic.Publish(exchange=exchange, routing_key=queue, mandatory=mandatory), channel.number
    )
    expiration = None if expiration_milliseconds is None else str(expiration_milliseconds)
    # The broker counts a frame's envelope as part of it.
    room = channel.connection.connection_tune.frame_max - _FRAME_OVERHEAD_BYTES
    pieces: list[bytes] = []
    for index, message in enumerate(messages):
        message_id = message_ids[index] if mandatory else None
        header = ContentHeader(body_size=len(message.body), properties=_properties(message, expiration, message_id))
        head = frame.marshal(header, channel.number)
        if len(head) > room:
            raise MessageTooLarge(queue, len(head), room)
        bodies = (ContentBody(message.body[at : at + room]) for at in range(0, len(message.body), room))
        pieces.append(b"".join((publish, head, *(frame.marshal(body, channel.number) for body in bodies))))
    return pieces


def _properties(message: Message, expiration: str | None, message_id: str | None) -> commands.Basic.Properties:
    return commands.Basic.Properties(
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        headers=cast("FieldTable", dict(message.headers)) if message.headers else None,
        delivery_mode=2 if message.persistent else 1,
        priority=message.priority,
        correlation_id=message.correlation_id,
        reply_to=message.reply_to,
        expiration=expiration,
        message_id=message_id,
    )


def delivery_of(delivered: DeliveredMessage, queue: str, tag: int) -> Delivery:
    """What the driver received, as the port's value."""
    properties = delivered.header.properties
    message = Message(
        body=delivered.body,
        content_type=properties.content_type or "application/octet-stream",
        content_encoding=properties.content_encoding or "utf-8",
        headers=dict(properties.headers or {}),
        correlation_id=properties.correlation_id,
        reply_to=properties.reply_to,
        priority=properties.priority or 0,
        persistent=properties.delivery_mode == 2,
    )
    return Delivery(message=message, queue=queue, redelivered=bool(delivered.redelivered), tag=tag)


async def write(channel: Channel, pieces: Iterable[bytes]) -> None:
    """Send these frames on the channel's connection, in order. What is large is waited for until the transport has
    taken it; what is small is not, so that all that is sent in one turn of the event loop leaves in one piece."""
    for part in _parts(pieces):
        await _write_part(channel, part)


async def write_methods(channel: Channel, methods: Iterable[Frame]) -> None:
    """Send these methods, which have no answer, in one piece: all or none."""
    await _enqueue(channel, _unawaited(b"".join(frame.marshal(method, channel.number) for method in methods)))


async def _enqueue(channel: Channel, payload: ChannelFrame) -> None:
    queue = channel.connection.write_queue
    if channel.is_closed:
        raise BusUnavailable("the channel to the broker is closed")
    if not queue.full():
        queue.put_nowait(payload)
        return
    try:
        # Nobody empties the queue of a connection that died meanwhile.
        async with asyncio.timeout(_WRITE_TIMEOUT_SECONDS):
            await queue.put(payload)
    except TimeoutError as exc:
        raise BusUnavailable(f"the broker took nothing for {_WRITE_TIMEOUT_SECONDS:g} s") from exc


def _parts(pieces: Iterable[bytes]) -> Generator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for piece in pieces:
        part.append(piece)
        size += len(piece)
        if size >= _WRITE_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


async def _write_part(channel: Channel, part: Sequence[bytes]) -> None:
    drained = await _enqueue_part(channel, part)
    if drained is not None:
        await drained


async def _enqueue_part(channel: Channel, part: Sequence[bytes]) -> "asyncio.Future[None] | None":
    """What to wait for, if the part is large; raises only if it will not be sent."""
    payload = b"".join(part)
    if len(payload) <= _SMALL_BYTES:
        await _enqueue(channel, _unawaited(payload))
        return None
    drained: asyncio.Future[None] = channel.create_future()
    await _enqueue(channel, ChannelFrame(payload=payload, should_close=False, drain_future=drained))
    return drained


def _unawaited(payload: bytes) -> ChannelFrame:
    """Nobody waits for the future, but the driver's writer does not go on before the transport has room."""
    drained: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    return Joinable(payload=payload, should_close=False, drain_future=drained)


async def publish_confirmed(
    channel: Channel, queue: str, messages: Sequence[Message], message_ids: Sequence[str] = ()
) -> None:
    """Publish on a channel in confirm mode and await all confirms together; with `message_ids`, raises
    `QueueNotFound` if one comes back."""
    pieces = queue_messages(channel, queue, messages, message_ids=message_ids)
    for start in range(0, len(pieces), _MAX_UNCONFIRMED):
        chosen = slice(start, start + _MAX_UNCONFIRMED)
        confirms = await _send_counted(channel, pieces[chosen], message_ids[chosen])
        try:
            for confirm in confirms:
                await confirm
        except PublishError as exc:
            raise QueueNotFound(queue) from exc
        except DeliveryError as exc:
            raise BusUnavailable(f"the broker refused messages for queue {queue!r}") from exc


async def _send_counted(channel: Channel, pieces: Sequence[bytes], message_ids: Sequence[str]) -> list[Confirm]:
    """Send on a channel in confirm mode; returns what will say that the broker has each of them."""
    confirms: list[Confirm] = []
    ids = iter(message_ids)
    async with channel.lock:
        for part in _parts(pieces):
            counted = [_count(channel, next(ids, None)) for _ in part]
            try:
                drained = await _enqueue_part(channel, part)
            except BaseException:
                # Not sent: the broker's count does not include them, so neither may ours.
                for confirm in counted:
                    channel.confirmations.pop(channel.delivery_tag, None)
                    channel.delivery_tag -= 1
                    confirm.cancel()
                raise
            if drained is not None:
                await drained
            confirms += counted
    return confirms


def _count(channel: Channel, message_id: str | None) -> Confirm:
    """Number the next message as the broker will."""
    channel.delivery_tag += 1
    confirm: Confirm = channel.create_future()
    channel.confirmations[channel.delivery_tag] = confirm
    if message_id is not None:
        ids = channel.message_id_delivery_tag
        ids[message_id] = channel.delivery_tag
        confirm.add_done_callback(lambda _: ids.pop(message_id, None))
    return confirm
