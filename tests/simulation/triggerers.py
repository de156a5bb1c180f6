"""The triggerer's real loops, with imaginary triggers: each fires after the time that its task drew."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from tradewind.core.triggers import TriggerOutcome, WaitingTrigger, resumed
from tradewind.service.backoff import jitter_from
from tradewind.service.metrics import Telemetry
from tradewind.service.tokens import TokenSigner
from tradewind.triggerer.duty import DutyLoop
from tradewind.triggerer.feed import WakeUps
from tradewind.triggerer.outcomes import OutcomeLoop
from tradewind.triggerer.placement import Placement
from tradewind.triggerer.protocol import RunTrigger
from tradewind.triggerer.settings import TriggererGroup, TriggererSettings
from tradewind.triggerer.watching import Watching

if TYPE_CHECKING:
    from tests.simulation.world import ProcessParts


class SimulatedPlacement:
    """In place of child processes: a timer for each trigger."""

    def __init__(self, report: Callable[[TriggerOutcome], None]) -> None:
        self._report = report
        self._timers: dict[int, asyncio.TimerHandle] = {}

    @property
    def running(self) -> Sequence[int]:
        return tuple(self._timers)

    @property
    def watching(self) -> Sequence[int]:
        """None: the drawn DAGs watch no assets."""
        return ()

    def start(self, request: RunTrigger, trigger: WaitingTrigger) -> None:
        if request.trigger_id not in self._timers:
            seconds = float(json.loads(request.kwargs)["seconds"])
            loop = asyncio.get_running_loop()
            self._timers[request.trigger_id] = loop.call_later(
                seconds, self._fire, request.trigger_id, trigger.next_kwargs
            )

    def stop(self, trigger_id: int, *, by_person: bool) -> None:
        timer = self._timers.pop(trigger_id, None)
        if timer is not None:
            timer.cancel()

    def crash(self) -> None:
        for timer in self._timers.values():
            timer.cancel()

    def _fire(self, trigger_id: int, next_kwargs: bytes) -> None:
        del self._timers[trigger_id]
        self._report(resumed(trigger_id, next_kwargs, b"true"))


async def triggerer(parts: "ProcessParts") -> None:
    """As `tradewind.triggerer.service.run`."""
    settings = TriggererSettings(triggerer=TriggererGroup(capacity=5))
    telemetry, jitter = Telemetry(parts.registry, service="triggerer"), jitter_from(parts.new_id)
    store = parts.store
    outcomes = OutcomeLoop(
        store=store,  # pyright: ignore[reportArgumentType] - forwards every method of the port
        bus=parts.bus,
        clock=parts.clock,
        jitter=jitter,
        telemetry=telemetry,
    )
    simulated, triggerer_id = SimulatedPlacement(outcomes.put), parts.new_id()
    placement = cast("Placement", simulated)
    duty = DutyLoop(
        triggerer_id=triggerer_id,
        store=store,  # pyright: ignore[reportArgumentType] - forwards every method of the port
        clock=parts.clock,
        lease=timedelta(seconds=settings.leases.lease_seconds),
        settings=settings.triggerer,
        placement=placement,
        outcomes=outcomes,
        watching=Watching(
            triggerer_id=triggerer_id,
            store=store,  # pyright: ignore[reportArgumentType] - forwards every method of the port
            placement=placement,
        ),
        signer=TokenSigner("simulated-" + "x" * 32),
        telemetry=telemetry,
    )
    wake_ups = WakeUps(bus=parts.bus, wake_up=duty.wake_up, jitter=jitter, telemetry=telemetry)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(outcomes.run(parts.stop), name="outcomes")
            group.create_task(duty.run(parts.stop), name="duty")
            group.create_task(wake_ups.run(parts.stop), name="wake-ups")
    finally:
        simulated.crash()
