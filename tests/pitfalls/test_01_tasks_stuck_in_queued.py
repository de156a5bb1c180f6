"""Row 1: a task stays queued because a message was lost, and only a restart helps."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.pitfalls.stage import LATENCY, LOST, Scene, dag_of, play
from tradewind.bus.port import Message
from tradewind.core.spec import TaskSpec
from tradewind.scheduler.sweep import SweepLoop
from tradewind.wire.queues import DISPATCH


@dataclass(slots=True, kw_only=True)
class LostMessages(Scene):
    """The first message of each queue on the way to a worker is lost, after the task was committed as queued."""

    lost_of: tuple[str, ...] = (DISPATCH, "default")

    def deliver(self, queue: str, message: Message) -> Sequence[float]:
        if queue in self.lost_of:
            self.lost_of = tuple(name for name in self.lost_of if name != queue)
            return LOST
        return LATENCY


def scene() -> LostMessages:
    return LostMessages(dags=(dag_of("dag", TaskSpec(task_id="first")),))


def test_what_was_lost_is_published_again() -> None:
    assert play(scene()) == []


def test_without_the_sweep_the_task_stays_queued(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_self: SweepLoop, *_: object) -> None:
        return None

    monkeypatch.setattr(SweepLoop, "_find_unclaimed", nothing)
    assert play(scene())
