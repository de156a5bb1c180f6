"""What all executors share: queueing, order, replacement, failures."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

import pytest
from structlog.testing import capture_logs

from tests.unit.dispatcher.world import parts_for, queued, with_command
from tests.unit.supervisor.world import attempt, in_virtual_time, key_of
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.dispatcher.executors.base import FAILURES_MAX, BaseExecutor, ExecutorParts, Workload
from tradewind.wire.codec import UndecodableMessage
from tradewind.wire.messages import QueuedTaskInstance
from tradewind.wire.task_run import RunFlags


class RecordingExecutor(BaseExecutor):
    """Takes two at a time and writes down what it was given."""

    def __init__(self, parts: ExecutorParts) -> None:
        super().__init__(parts)
        self.executed: list[int] = []
        self.fails_with: dict[int, Exception] = {}

    @property
    def open_slots(self) -> int:
        return 2

    async def execute(self, workloads: Sequence[Workload]) -> None:
        for workload in workloads:
            number = workload.item.attempt_id.int
            if number in self.fails_with:
                raise self.fails_with[number]
            self.executed.append(number)
            workload.hand_over()

    async def run(self, stop: asyncio.Event) -> None:
        await stop.wait()


def recording() -> RecordingExecutor:
    return RecordingExecutor(parts_for(MemoryBus(MemoryBroker())))


def waiting(executor: BaseExecutor) -> list[int]:
    return [workload.item.attempt_id.int for workload in executor.order_queued_tasks_by_priority()]


class Handed:
    """Which messages may be forgotten."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def over(self, number: int) -> Callable[[], None]:
        return lambda: self.numbers.append(number)


@in_virtual_time
async def test_the_same_attempt_twice_is_refused_and_order_is_by_priority() -> None:
    executor, handed = recording(), Handed()
    for number, priority in ((1, 1), (2, 5), (3, 5), (4, 9)):
        assert executor.queue_command(queued(number, priority=priority), handed.over(number))
    with capture_logs() as logs:
        assert not executor.queue_command(queued(2), handed.over(-2))
    assert [entry["event"] for entry in logs] == ["could not queue task dag.task_2: it is queued already"]
    assert logs[0]["attempt_id"] == str(attempt(2))
    assert handed.numbers == [-2]
    assert waiting(executor) == [4, 2, 3, 1]
    await executor.heartbeat()
    assert executor.executed == [4, 2]
    await executor.trigger_tasks(5)
    assert executor.executed == handed.numbers[1:] == [4, 2, 3, 1]


@in_virtual_time
async def test_a_newer_attempt_replaces_the_one_that_waits() -> None:
    executor, handed = recording(), Handed()
    executor.queue_command(queued(1, key=key_of(9)), handed.over(1))
    executor.queue_command(queued(2, key=key_of(9)), handed.over(2))
    assert (waiting(executor), handed.numbers) == ([2], [1])
    await executor.heartbeat()
    executor.queue_command(queued(3, key=key_of(9)), handed.over(3))
    assert (executor.executed, waiting(executor)) == ([2], [3])


@in_virtual_time
async def test_a_redelivered_message_replaces_nothing_for_it_may_be_the_older() -> None:
    executor, handed = recording(), Handed()
    executor.queue_command(queued(2, key=key_of(9)), handed.over(2))
    assert executor.queue_command(queued(1, key=key_of(9)), handed.over(1), redelivered=True)
    assert (waiting(executor), handed.numbers) == ([2, 1], [])
    executor.queue_command(queued(3, key=key_of(9)), handed.over(3))
    assert (waiting(executor), handed.numbers) == ([1, 3], [2])


@in_virtual_time
async def test_flags_travel_in_the_command() -> None:
    executor = recording()
    executor.queue_task_instance(
        queued(1),
        lambda: None,
        mark_success=True,
        ignore_all_deps=True,
        ignore_depends_on_past=True,
        ignore_task_deps=True,
        ignore_ti_state=True,
        pool="heavy",
    )
    executor.queue_task_instance(queued(2), lambda: None)
    flagged, plain = executor.order_queued_tasks_by_priority()
    assert flagged.command[:6] == ("tradewind", "tasks", "run", "dag", "task_1", "manual")
    assert flagged.command[8:10] == ("--attempt-id", str(attempt(1)))
    assert flagged.flags == RunFlags(
        mark_success=True,
        ignore_all_deps=True,
        ignore_depends_on_past=True,
        ignore_task_deps=True,
        ignore_ti_state=True,
        pool="heavy",
    )
    assert plain.command == queued(2).ti.command


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (with_command(queued(1), "sh", "-c", "true"), "not `tradewind tasks run` but 'sh -c true'"),
        (with_command(queued(1), *queued(2).ti.command), "for another attempt than the message: dag.task_2 of manual"),
        (queued(1, options=("--map-index", "3")), "for another attempt than the message"),
        (queued(1, options=("--yes",)), "'--yes'"),
    ],
)
def test_another_command_is_refused_and_takes_nothing_in(item: QueuedTaskInstance, told: str) -> None:
    executor, handed = recording(), Handed()
    with pytest.raises(UndecodableMessage) as caught:
        executor.queue_command(item, handed.over(1))
    assert told in str(caught.value)
    assert (waiting(executor), handed.numbers) == ([], [])


@in_virtual_time
async def test_what_execute_had_not_handed_over_waits_and_is_left_to_the_sweep_in_the_end() -> None:
    executor, handed = recording(), Handed()
    executor.fails_with[2] = RuntimeError("the cluster is away")
    for number in (1, 2):
        executor.queue_command(queued(number), handed.over(number))
    with capture_logs() as logs:
        await executor.heartbeat()
        assert (executor.executed, waiting(executor), handed.numbers) == ([1], [2], [1])
        for _ in range(FAILURES_MAX - 1):
            await executor.heartbeat()
        assert waiting(executor) == [2]
        await executor.heartbeat()
    assert (waiting(executor), handed.numbers) == ([], [1, 2])
    assert [entry["event"] for entry in logs] == ["executor.failed"] * (FAILURES_MAX + 1) + ["task.left_to_sweep"]
    del executor.fails_with[2]
    executor.queue_command(queued(2), handed.over(2))
    await executor.heartbeat()
    assert executor.executed == [1, 2]


@in_virtual_time
async def test_a_redelivered_attempt_that_waits_here_is_adopted_and_others_are_named() -> None:
    executor, handed = recording(), Handed()
    executor.queue_command(queued(1), handed.over(1))
    again = [Workload(queued(number), handed.over(-number)) for number in (1, 2)]
    assert await executor.try_adopt_task_instances(again) == [again[1]]
    assert handed.numbers == []
    await executor.heartbeat()
    assert (executor.executed, handed.numbers) == ([1], [1, -1])


@in_virtual_time
async def test_a_revoked_attempt_is_forgotten_with_its_message() -> None:
    executor, handed = recording(), Handed()
    executor.queue_command(queued(1), handed.over(1))
    assert executor.has_task(attempt(1))
    assert executor.revoke_task(attempt(1))
    assert not executor.revoke_task(attempt(1))
    assert not executor.has_task(attempt(1))
    assert handed.numbers == [1]


@pytest.mark.parametrize("ending", [BaseExecutor.end, BaseExecutor.terminate])
def test_what_waits_at_the_end_is_left_to_another_dispatcher(
    ending: Callable[[BaseExecutor], Coroutine[None, None, None]],
) -> None:
    executor, handed = recording(), Handed()
    executor.queue_command(queued(1), handed.over(1))
    asyncio.run(ending(executor))
    assert (waiting(executor), handed.numbers) == ([], [])
