"""Row 3: the answer to a transition is lost, its repetition is refused, and a task that was fine is killed."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.pitfalls.stage import LATENCY, LOST, Scene, Stage, dag_of, is_message, play
from tradewind.bus.port import Message
from tradewind.core.rows import Claim
from tradewind.core.spec import TaskSpec
from tradewind.core.states import TaskInstanceState
from tradewind.db.memory.collector import MemoryCollectorStore
from tradewind.db.memory.tables import TaskInstanceTableRow
from tradewind.wire.messages import ClaimReply, EndReply


@dataclass(slots=True, kw_only=True)
class LostAnswers(Scene):
    """The collector has committed the claim, and later the end; both times the first answers never arrive."""

    to_lose: int = 2
    claims: int = 0
    ends: int = 0

    def deliver(self, queue: str, message: Message) -> Sequence[float]:
        if is_message(message, ClaimReply):
            self.claims += 1
            return LOST if self.claims <= self.to_lose else LATENCY
        if is_message(message, EndReply):
            self.ends += 1
            return LOST if self.ends <= self.to_lose else LATENCY
        return LATENCY

    def harm(self, stage: Stage) -> list[str]:
        assert self.claims > self.to_lose
        assert self.ends > self.to_lose
        lost = [f"{row.id} lost an attempt" for row in stage.rows() if row.lost_attempts]
        return [*stage.unfinished(), *stage.run_twice(), *stage.broken_rules(), *lost]


def scene() -> LostAnswers:
    return LostAnswers(dags=(dag_of("dag", TaskSpec(task_id="task", retries=1)),))


def test_a_repetition_gets_the_first_answer_again() -> None:
    assert play(scene()) == []


def test_without_replays_the_grant_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_once(_self: MemoryCollectorStore, row: TaskInstanceTableRow, _claim: Claim) -> bool:
        return row.state is TaskInstanceState.QUEUED

    monkeypatch.setattr(MemoryCollectorStore, "_is_grantable", only_once)
    assert play(scene())
