"""Row 2: an old attempt's end comes late and overwrites what a newer one is about to do."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from tests.pitfalls.stage import LATENCY, LOST, Scene, Stage, dag_of, is_message, play
from tests.simulation.plans import Behaviour
from tradewind.bus.memory import MemoryBus
from tradewind.bus.port import Message
from tradewind.core.rows import AttemptEndRecord, EndAnswer
from tradewind.core.spec import TaskSpec
from tradewind.core.states import Outcome, TaskInstanceState
from tradewind.db.memory.collector import MemoryCollectorStore
from tradewind.wire.messages import EndReport, Heartbeat
from tradewind.wire.queues import ENDS, HEARTBEATS


@dataclass(slots=True, kw_only=True)
class CutOff(Scene):
    """The first worker that runs the task is not heard: its task, taken for lost, runs again elsewhere, when the
    first one's failure arrives after all."""

    cut_off: str = ""
    begun: int = 0
    report: Message | None = None

    def behaviour(self, task_id: str, try_number: int) -> Behaviour:
        self.begun += 1
        if self.begun == 1:
            return Behaviour(seconds=3.0, outcome=Outcome.FAILED_WITHOUT_RETRY, map_length=1)
        return Behaviour(seconds=60.0, outcome=Outcome.SUCCESS, map_length=1)

    def deliver(self, queue: str, message: Message) -> Sequence[float]:
        if not self.cut_off:
            return LATENCY
        if queue == HEARTBEATS and (beat := is_message(message, Heartbeat)) and beat.worker_id == self.cut_off:
            return LOST
        if (report := is_message(message, EndReport)) and report.worker_id == self.cut_off:
            self.report = message
            return LOST
        return LATENCY

    async def happen(self, stage: Stage) -> None:
        row = await stage.wait_for("task", TaskInstanceState.RUNNING)
        _, self.cut_off = stage.worker_of(row)
        await stage.until(lambda: self.begun == 2)
        self.cut_off = ""
        assert self.report is not None
        await MemoryBus(stage.broker).publish(ENDS, [Message(body=self.report.body)])


def scene() -> CutOff:
    return CutOff(dags=(dag_of("dag", TaskSpec(task_id="task", retries=1)),))


def test_only_the_current_attempt_can_end_it() -> None:
    assert play(scene()) == []


def test_judged_by_the_task_alone_the_old_failure_would_count(monkeypatch: pytest.MonkeyPatch) -> None:
    right = MemoryCollectorStore._record  # pyright: ignore[reportPrivateUsage] - the guard sits inside

    def trusting(self: MemoryCollectorStore, end: AttemptEndRecord, now: object) -> EndAnswer:
        row = self._named_row(end.dag_id, end.run_id, end.task_id, end.map_index)  # pyright: ignore[reportPrivateUsage]
        assert row is not None
        assert row.attempt_id is not None
        current = replace(end, attempt_id=row.attempt_id, incarnation=row.incarnation or end.incarnation)
        return right(self, current, now)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(MemoryCollectorStore, "_record", trusting)
    assert play(scene())
