"""Row 22: one trigger blocks the event loop, and no deferred task goes on any more."""

import asyncio
from uuid import UUID

import pytest

from tests.integration.triggerer.conftest import Rig
from tests.integration.triggerer.conftest import rig as rig
from tests.polling import poll_until
from tradewind.core.states import TaskInstanceState
from tradewind.triggerer.placement import Placement

BLOCK_SECONDS = 0.3
LONG_SECONDS = 30.0
"""A process of its own takes a second, where the machine has time for it."""
STILL_SECONDS = 3.0
"""For so long somebody has waited who would wait for ever."""
OTHERS = 5


async def is_held_up(rig: Rig, seconds: float) -> bool:
    """Whether tasks whose triggers fire at once wait for one that blocks."""
    there = rig.folder / "there"
    await rig.deferred("Block", path=str(there))
    async with rig.triggerer(block_seconds=BLOCK_SECONDS):
        try:
            for _ in range(OTHERS):  # the first of them may come before the one that blocks
                await _has_fired(rig, await rig.deferred("Fire", event="other"), seconds)
        except AssertionError:
            return True
        finally:
            there.touch()
    return False


async def _has_fired(rig: Rig, attempt: UUID, seconds: float) -> None:
    await poll_until(lambda: rig.row(attempt).state is TaskInstanceState.SCHEDULED, seconds)


async def test_who_blocks_does_so_alone(rig: Rig) -> None:
    assert not await is_held_up(rig, LONG_SECONDS)


async def test_unwatched_it_would_hold_up_all(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def asleep(_self: Placement) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Placement, "_watch", asleep)
    assert await is_held_up(rig, STILL_SECONDS)
