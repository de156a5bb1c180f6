"""What a triggerer listens to: that there are new triggers, perhaps new watchers, and that a person changed runs."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, cast

from tradewind.bus.port import Bus, Message
from tradewind.service.backoff import Jitter, retrying
from tradewind.service.lifecycle import Stopped, entered_unless_stopped, for_each
from tradewind.service.metrics import Telemetry
from tradewind.wire.codec import UndecodableMessage, decode
from tradewind.wire.messages import DagRunsRevised, DagsChanged, Event, TriggersCreated
from tradewind.wire.queues import EVENTS

_HEARD: Final = cast("type[Event]", Event)


class WakeUps:
    """Calls `wake_up` when there is something to look at."""

    def __init__(self, *, bus: Bus, wake_up: Callable[[], None], jitter: Jitter, telemetry: Telemetry) -> None:
        self._bus = bus
        self._wake_up = wake_up
        self._jitter = jitter
        self._telemetry = telemetry

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop`."""
        subscribe = partial(self._subscribe, stop)
        await retrying(subscribe, name="events", stop=stop, jitter=self._jitter, telemetry=self._telemetry)

    async def _subscribe(self, stop: asyncio.Event) -> None:
        with suppress(Stopped):
            async with entered_unless_stopped(stop, self._bus.subscribe(EVENTS)) as messages:
                self._wake_up()
                await for_each(messages, self.run_once, stop)

    async def run_once(self, message: Message) -> None:
        """Take note of one broadcast."""
        try:
            event = decode(message.body, _HEARD)
        except UndecodableMessage:
            return
        if isinstance(event, TriggersCreated | DagRunsRevised | DagsChanged):
            self._wake_up()
