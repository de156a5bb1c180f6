"""The bus itself: see `tradewind.bus.port.Bus` for what each method promises.

A link holds one connection on which all commands go out, and one that listens for answers and broadcasts; each consumer
has a blocking one besides. Losing any of the first two counts as losing the link.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Final, NoReturn, cast
from uuid import uuid4

from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from tradewind.bus.linked import LinkedBus, connected
from tradewind.bus.port import (
    BusUnavailable,
    Delivery,
    Message,
    Queue,
    QueueInUse,
    QueueNotFound,
    RequestTimeout,
)
from tradewind.bus.redis.address import Address, parse_address
from tradewind.bus.redis.channels import Channels, Subscription
from tradewind.bus.redis.driver import CONNECT_TIMEOUT_SECONDS, Command, Connection, broker_errors
from tradewind.bus.redis.entry import encode_entry
from tradewind.bus.redis.keys import GROUP, answers_channel, queue_key, topic_channel
from tradewind.bus.redis.link import Link
from tradewind.bus.redis.pipe import Answer, Pipe
from tradewind.bus.redis.scripts import add_entries, declare_queue, recover_entries
from tradewind.bus.redis.session import Session
from tradewind.service.backoff import Backoff

_CONFIRM_TIMEOUT_SECONDS: Final = 30.0
_CLOSE_TIMEOUT_SECONDS: Final = 5.0
_BACKOFF: Final = Backoff()


class RedisBus(LinkedBus[Link]):
    """One connection to Redis."""

    def __init__(
        self, address: Address, group: asyncio.TaskGroup, *, name: str, setting_name: str, max_body_bytes: int
    ) -> None:
        super().__init__(group, shown=address.shown, setting_name=setting_name, max_body_bytes=max_body_bytes)
        self._address = address
        self._name = name
        self._former: str | None = None
        self._subscriptions: dict[Subscription, None] = {}

    async def _use_one_link(self) -> NoReturn:
        connections = [self._address.new_connection(self._name) for _ in range(2)]
        try:
            await self._connect(connections)
            link = Link(uuid4().hex, Pipe(connections[0]), Channels(connections[1]))
            async with asyncio.TaskGroup() as group:
                group.create_task(link.pipe.run(), name="broker-commands")
                group.create_task(link.channels.run(), name="broker-channels")
                await self._begin(link)
                group.create_task(link.keep(), name="broker-lease")
        except* BusUnavailable as lost:
            why = str(lost.exceptions[0])
        else:
            why = "the connection was closed"
        finally:
            await self._abort_sessions(self._drop())
            for connection in connections:
                with suppress(BusUnavailable), broker_errors():
                    await connection.disconnect(nowait=True)
        raise BusUnavailable(why)

    async def _connect(self, connections: Sequence[Connection]) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                for connection in connections:
                    with broker_errors():
                        await connection.connect()
        except (BusUnavailable, TimeoutError) as exc:
            raise BusUnavailable(self._describe(exc)) from exc

    async def _begin(self, link: Link) -> None:
        """Register the link, hear what it must hear, and let it be used."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                await link.register(self._former)
                await link.channels.listen(answers_channel(self._address.database, link.name), self._receive_answer)
                for subscription in tuple(self._subscriptions):
                    await link.channels.listen(subscription.channel, subscription.hear)
        except (BusUnavailable, TimeoutError) as exc:
            raise BusUnavailable(self._describe(exc)) from exc
        self._former = link.name
        self._raise(link)

    async def _abort_sessions(self, link: Link | None) -> None:
        for session in tuple(link.sessions.values() if link is not None else ()):
            await session.abort()

    def _describe(self, raised: Exception) -> str:
        where = f"cannot use the broker at {self._shown} ({self._setting_name})"
        exc = raised.__cause__ if isinstance(raised, BusUnavailable) and raised.__cause__ else raised
        match exc:
            case AuthenticationError():
                return f"{where}: it refuses the user name or the password, or wants one"
            case NoPermissionError():
                return f"{where}: this user may not do what a bus must: {exc}"
            case TimeoutError():
                return f"{where}: no answer within {CONNECT_TIMEOUT_SECONDS:g} s"
            case ResponseError() if "DB index" in str(exc):
                return f"{where}: it has no database {self._address.database}"
            case _ if isinstance(exc.__context__, ConnectionRefusedError):
                return f"{where}: connection refused: nobody listens there"
            case _:
                return f"{where}: {exc or type(exc).__name__}"

    async def close(self) -> None:
        """Leave in good order: exclusive queues end, and what is unsettled is given back, by the time this returns."""
        link = self._link
        await super().close()
        if link is not None:
            with suppress(BusUnavailable, TimeoutError):
                async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
                    await link.unregister()

    async def publish(
        self, queue: str, messages: Sequence[Message], *, mandatory: bool = False, confirm: bool = True
    ) -> None:
        self._check_size(queue, messages)
        pipe = self._live().pipe
        commands = add_entries(queue, [encode_entry(message) for message in messages])
        if not (confirm or mandatory):
            await pipe.post(commands)
            return
        try:
            async with asyncio.timeout(_CONFIRM_TIMEOUT_SECONDS):
                ids = await pipe.ask(commands)
        except TimeoutError as exc:
            text = f"the broker did not confirm messages for {queue!r} within {_CONFIRM_TIMEOUT_SECONDS:g} s"
            raise BusUnavailable(text) from exc
        if mandatory and None in ids:
            raise QueueNotFound(queue)

    async def declare(self, queue: Queue) -> None:
        await self._declare(self._live(), queue)

    async def _declare(self, link: Link, queue: Queue, session: str = "") -> None:
        """Declare the queue, and register the session (if any) as a reader of it."""
        declaration = declare_queue(queue.name, exclusive=queue.exclusive, link=link.name, session=session)
        recovery = (recover_entries((queue.name,)),) if session else ()
        match (await link.pipe.ask((declaration, *recovery)))[0]:
            case b"ok":
                return
            case b"in use":
                raise QueueInUse(queue.name)
            case _:
                raise BusUnavailable("the broker took this connection for dead")

    async def _begin_session(self, queue: Queue, prefetch: int, wake: asyncio.Event) -> Session:
        await self._up.wait()
        link = self._live()
        number = next(self._numbers)
        session = Session(
            link,
            self._address.new_connection(self._name),
            name=f"{link.name}.{number}",
            queue=queue.name,
            prefetch=prefetch,
            tags=self._numbers,
            wake=wake,
        )
        link.sessions[session.name] = session
        is_begun = False
        try:
            await session.connect()
            await self._declare(link, queue, session.name)
            is_begun = True
        finally:
            if not is_begun:
                await session.close()
        return session

    async def request(self, queue: str, message: Message, *, timeout_seconds: float) -> Message:
        self._check_size(queue, (message,))
        link = self._live()
        correlation_id = str(next(self._numbers))
        reply_to = answers_channel(self._address.database, link.name)
        request = replace(message, correlation_id=correlation_id, reply_to=reply_to)
        answer = self._answers[correlation_id] = asyncio.get_running_loop().create_future()
        added: Answer | None = None
        try:
            async with asyncio.timeout(timeout_seconds):
                added = await self._send_request(link, queue, request, timeout_seconds, answer)
                return await answer
        except TimeoutError:
            await _withdraw(link, queue, added)
            raise RequestTimeout(queue, timeout_seconds) from None
        finally:
            del self._answers[correlation_id]
            answer.cancel()

    async def _send_request(
        self, link: Link, queue: str, request: Message, timeout_seconds: float, answer: "asyncio.Future[Message]"
    ) -> Answer:
        if queue not in link.known_queues:
            await self._declare(link, Queue(name=queue, durable=True))
            link.known_queues[queue] = None
        data = encode_entry(request, max(1, round(timeout_seconds * 1000)))
        (added,) = await link.pipe.send(add_entries(queue, (data,)))
        added.add_done_callback(_sent(link, queue, answer))
        return added

    def _receive_answer(self, message: Message) -> None:
        answer = self._answers.get(message.correlation_id or "")
        if answer is not None and not answer.done():
            answer.set_result(message)

    async def reply(self, replies: Sequence[tuple[Delivery, Message]]) -> None:
        link = self._live()
        commands: list[Command] = []
        for delivery, message in replies:
            channel = delivery.message.reply_to
            if channel is not None:
                self._check_size(channel, (message,))
                answer = replace(message, correlation_id=delivery.message.correlation_id)
                commands.append(("PUBLISH", channel, encode_entry(answer)))
        await link.pipe.post(commands)

    async def broadcast(self, topic: str, message: Message) -> None:
        self._check_size(topic, (message,))
        channel = topic_channel(self._address.database, topic)
        await self._live().pipe.post((("PUBLISH", channel, encode_entry(message)),))

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncGenerator[AsyncIterator[Message]]:
        subscription = Subscription(topic_channel(self._address.database, topic))
        self._subscriptions[subscription] = None  # each new link listens for it
        try:
            await self._listen(subscription)
            yield subscription
        finally:
            del self._subscriptions[subscription]
            if self._link is not None:
                with suppress(BusUnavailable):
                    await self._link.channels.leave(subscription.channel, subscription.hear)

    async def _listen(self, subscription: Subscription) -> None:
        for failures in itertools.count(1):
            await self._up.wait()
            try:
                link = self._live()
                await link.pipe.ask((("PING",),))  # what we sent before is before, though by another connection
                await link.channels.listen(subscription.channel, subscription.hear)
            except BusUnavailable:
                await asyncio.sleep(_BACKOFF.delay_seconds(failures, 0.0))
            else:
                return

    async def depth(self, queue: str) -> int | None:
        key = queue_key(queue)
        length, summary = await self._live().pipe.send((("XLEN", key), ("XPENDING", key, GROUP)))
        with broker_errors():
            try:
                unsettled = cast("list[int]", await summary)[0]
            except ResponseError as exc:
                if "NOGROUP" in str(exc):
                    return None
                raise
            # A request that was withdrawn while somebody handled it is unsettled and no longer there.
            return max(0, cast("int", await length) - unsettled)


def _sent(link: Link, queue: str, answer: "asyncio.Future[Message]") -> Callable[[Answer], None]:
    """What to do when the server has said what became of a request."""

    def done(added: Answer) -> None:
        if added.cancelled():
            return
        failure = added.exception()
        if failure is not None:
            if not answer.done():
                answer.set_exception(BusUnavailable(f"the broker refused or was lost: {failure}"))
        elif added.result() is None:
            link.known_queues.pop(queue, None)

    return done


async def _withdraw(link: Link, queue: str, added: Answer | None) -> None:
    """Delete a request whose time is over, if it is known where it is."""
    if added is not None and added.done() and added.exception() is None and added.result() is not None:
        with suppress(BusUnavailable):
            await link.pipe.post((("XDEL", queue_key(queue), cast("bytes", added.result())),))


@asynccontextmanager
async def open_redis(url: str, *, name: str, setting_name: str, max_body_bytes: int) -> AsyncGenerator[RedisBus]:
    """A bus over this Redis, kept connected. Raises `ConfigError` for a URL that cannot be one."""
    address = parse_address(url, setting_name)
    make = partial(RedisBus, address, name=name, setting_name=setting_name, max_body_bytes=max_body_bytes)
    async with connected(make) as bus:
        yield bus
