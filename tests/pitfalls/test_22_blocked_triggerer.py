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
WITHIN_SECONDS = 3.0
OTHERS = 5


async def is_held_up(rig: Rig) -> bool:
    """Whether tasks whose triggers fire at once wait for one that blocks."""
    there = rig.folder / "there"
    await rig.deferred("Block", path=str(there))
    async with rig.triggerer(block_seconds=BLOCK_SECONDS):
        try:
            for _ in range(OTHERS):  # the first of them may come before the one that blocks
                await _has_fired(rig, await rig.deferred("Fire", event="other"))
        except AssertionError:
            return True
        finally:
            there.touch()
    return False


async def _has_fired(rig: Rig, attempt: UUID) -> None:
    await poll_until(lambda: rig.row(attempt).state is TaskInstanceState.SCHEDULED, WITHIN_SECONDS)


async def test_who_blocks_does_so_alone(rig: Rig) -> None:
    assert not await is_held_up(rig)


async def test_unwatched_it_would_hold_up_all(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def asleep(_self: Placement) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Placement, "_watch", asleep)
    assert await is_held_up(rig)
