"""What is lost is used again, after waits that grow only while it is lost at once."""

import asyncio

import pytest

from tradewind.bus.keeping import keep_using
from tradewind.bus.port import BusUnavailable, QueueInUse
from tradewind.service.backoff import Backoff

BACKOFF = Backoff(initial_seconds=0.001, cap_seconds=0.004)


class Uses:
    """Ends as it is told, one use after the other; the losses, with the waits after them, are kept."""

    def __init__(self, *ends: Exception | None) -> None:
        self._ends = iter(ends)
        self.losses: list[tuple[str, float]] = []

    async def use(self) -> None:
        end = next(self._ends)
        if end is not None:
            raise end

    def note(self, why: str, delay_seconds: float) -> None:
        self.losses.append((why, delay_seconds))

    async def run(self) -> None:
        await keep_using(self.use, backoff=BACKOFF, on_loss=self.note)


async def test_waits_grow_up_to_the_cap_while_it_is_lost_at_once() -> None:
    uses = Uses(BusUnavailable("away"), None, QueueInUse("q"), BusUnavailable("away"), ValueError("a mistake"))
    with pytest.raises(ValueError, match="a mistake"):
        await uses.run()
    in_use = "queue 'q' is exclusive to another connection"
    assert uses.losses == [("away", 0.001), ("it ended", 0.002), (in_use, 0.004), ("away", 0.004)]


async def test_wait_is_short_again_after_a_long_life(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, skipped = asyncio.get_running_loop(), [0.0]
    real_time = loop.time
    monkeypatch.setattr(loop, "time", lambda: real_time() + skipped[0])
    uses = Uses(None, None, None, ValueError("enough"))
    use_at_once = uses.use

    async def use() -> None:
        if len(uses.losses) == 2:
            skipped[0] = 2.0  # seconds that this use has lasted
        await use_at_once()

    uses.use = use
    with pytest.raises(ValueError, match="enough"):
        await uses.run()
    assert [delay for _, delay in uses.losses] == [0.001, 0.002, 0.001]
