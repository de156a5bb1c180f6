"""Row 4: the broker delivers a task's message again, at once or while the task runs, and it runs twice."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.pitfalls.stage import LATENCY, Scene, Stage, dag_of, play
from tradewind.bus.port import Message
from tradewind.core.rows import Claim
from tradewind.core.spec import TaskSpec
from tradewind.db.memory.collector import MemoryCollectorStore
from tradewind.db.memory.tables import TaskInstanceTableRow


@dataclass(slots=True, kw_only=True)
class Redelivered(Scene):
    """Each task message comes three times: twice at once, and again when the task has run for 20 s."""

    task_seconds: float = 60.0

    def deliver(self, queue: str, message: Message) -> Sequence[float]:
        return (0.001, 0.001, 20.0) if queue == "default" else LATENCY

    def harm(self, stage: Stage) -> list[str]:
        return [*stage.unfinished(), *stage.run_twice(), *stage.broken_rules()]


def scene() -> Redelivered:
    return Redelivered(dags=(dag_of("dag", *(TaskSpec(task_id=f"task_{n}") for n in range(3))),))


def test_a_delivery_is_no_permission_to_run() -> None:
    assert play(scene()) == []


def test_whoever_has_the_message_would_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def anybody(_self: MemoryCollectorStore, _row: TaskInstanceTableRow, _claim: Claim) -> bool:
        return True

    monkeypatch.setattr(MemoryCollectorStore, "_is_grantable", anybody)
    assert play(scene())
