"""What every executor must do, as checks that its author runs (docs/executors.md shows how).

Each of `CHECKS` is an async function that takes a `Subject`: an executor to be made, and eyes and hands outside of it.
It raises `Nonconforming`, an AssertionError whose text says what was expected, and needs no test framework:

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_executor_conforms(check: Check) -> None:
        asyncio.run(check(MySubject()))
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol
from uuid import UUID, uuid4

from tradewind.dispatcher.executors.base import BaseExecutor, Workload
from tradewind.wire.celery import TASK_NAME
from tradewind.wire.codec import UndecodableMessage
from tradewind.wire.messages import QueuedTaskInstance, TaskInstanceInCelery, TaskInstanceKey
from tradewind.wire.task_run import TaskRun, task_run_command

PATIENCE_SECONDS: Final = 10.0
"""For whatever an executor must do by itself."""

SETTLING_SECONDS: Final = 0.1
"""So long is looked whether something happens that must not."""

_POLL_SECONDS: Final = 0.005
_UNLIMITED_SAMPLE: Final = 20


class Nonconforming(AssertionError):
    """An executor that does not do what the dispatcher relies on."""


class Subject(Protocol):
    """An executor and what is around it. Each check gets one of its own."""

    slots: int
    """How many attempts it has out at once; 0 = as many as come."""
    queue: str
    """Queue of the tasks that it is given."""

    def opened(self) -> AbstractAsyncContextManager[BaseExecutor]:
        """Makes the executor; its surroundings live as long as the context."""
        ...

    async def passed_on(self) -> Sequence[UUID]:
        """The attempts that have come out of it so far, in order: started processes, messages, pods."""
        ...

    async def marked(self) -> Sequence[UUID]:
        """Of those, or of their ends, what will be (or was) marked as success without running its code."""
        ...

    async def finish(self, attempt_id: UUID) -> None:
        """Let this attempt, which has come out, end; harmless when repeated. Nothing to do where the executor is not
        told of ends."""
        ...


class Check(Protocol):
    """One of `CHECKS`."""

    __name__: str

    def __call__(self, subject: Subject) -> Coroutine[object, object, None]: ...


class _Trial:
    """One executor that runs."""

    def __init__(self, subject: Subject, executor: BaseExecutor) -> None:
        self.subject = subject
        self.executor = executor
        self.stop = asyncio.Event()
        self.handed_over: list[UUID] = []

    def item(self, *, priority: int = 1, task_id: str | None = None) -> QueuedTaskInstance:
        """An attempt, of a task instance of its own unless `task_id` says otherwise."""
        attempt_id = uuid4()
        key = TaskInstanceKey("conformance", task_id or f"task_{attempt_id.hex}", "manual", 1)
        run = TaskRun(dag_id=key.dag_id, task_id=key.task_id, run_id=key.run_id, attempt_id=attempt_id)
        ti = TaskInstanceInCelery(key, task_run_command(run), self.subject.queue, TASK_NAME)
        return QueuedTaskInstance(ti, attempt_id, priority=priority, relative_fileloc="conformance.py")

    def queue(self, *items: QueuedTaskInstance) -> None:
        for item in items:
            if not self.executor.queue_command(item, self.note(item)):
                raise Nonconforming(f"queue_command refused the attempt {item.attempt_id}, which it had never seen")

    def note(self, item: QueuedTaskInstance) -> Callable[[], None]:
        return lambda: self.handed_over.append(item.attempt_id)

    async def beat(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.executor.heartbeat()
        except TimeoutError:
            raise Nonconforming("heartbeat waits for tasks: it must hand them to others and return") from None

    async def until_out(self, count: int, what: str) -> list[UUID]:
        """What has come out, once it is as many; exactly as many."""
        await _until(self._has_out(count), what)
        out = list(await self.subject.passed_on())
        _expect(len(out) == count, f"{what}: {len(out)} came out instead of {count}")
        return out

    async def until_handed_over(self, count: int) -> None:
        async def is_so() -> bool:
            return len(self.handed_over) >= count

        await _until(is_so, f"{count} attempts are handed over (`Workload.hand_over`), each when it is safe elsewhere")

    def _has_out(self, count: int) -> Callable[[], Awaitable[bool]]:
        async def is_so() -> bool:
            return len(await self.subject.passed_on()) >= count

        return is_so


async def check_passes_on_what_is_queued(subject: Subject) -> None:
    """Each attempt comes out once, however many heartbeats there are, and its message may be forgotten then."""
    async with _running(subject) as trial:
        item = trial.item()
        trial.queue(item)
        await trial.beat()
        await trial.until_out(1, "an attempt that was queued comes out")
        await trial.until_handed_over(1)
        for _ in range(3):
            await trial.beat()
        await _settle()
        _expect(list(await subject.passed_on()) == [item.attempt_id], "heartbeats pass an attempt on only once")
        _expect(trial.handed_over == [item.attempt_id], "an attempt is handed over only once")


async def check_is_calm_without_work(subject: Subject) -> None:
    """Heartbeats without anything queued do nothing."""
    async with _running(subject) as trial:
        for _ in range(3):
            await trial.beat()
        _expect(list(await subject.passed_on()) == [], "nothing comes out of an executor that was given nothing")


async def check_refuses_the_same_attempt_twice(subject: Subject) -> None:
    """The first one counts; the second one's message is done with at once."""
    async with _running(subject) as trial:
        item = trial.item()
        trial.queue(item)
        again = trial.executor.queue_command(item, trial.note(item))
        _expect(not again, "queue_command returns False for an attempt that waits already")
        _expect(trial.handed_over == [item.attempt_id], "the message of the refused one may be forgotten at once")
        await trial.beat()
        await trial.until_out(1, "an attempt that was queued twice comes out once")
        await trial.until_handed_over(2)


async def check_refuses_other_commands(subject: Subject) -> None:
    """A command that is not one of `tradewind tasks run` is nobody's to run."""
    async with _running(subject) as trial:
        item = trial.item()
        rogue = TaskInstanceInCelery(item.ti.key, ("rm", "-rf", "/"), item.ti.queue, item.ti.task)
        try:
            trial.executor.queue_command(QueuedTaskInstance(rogue, item.attempt_id), trial.note(item))
        except UndecodableMessage:
            await trial.beat()
            await _settle()
            _expect(list(await subject.passed_on()) == [], "a refused command does not come out")
        else:
            raise Nonconforming("queue_command raises UndecodableMessage for `rm -rf /`")


async def check_passes_on_by_priority(subject: Subject) -> None:
    """The highest priority first, then as they came."""
    async with _running(subject) as trial:
        items = [trial.item(priority=priority) for priority in (1, 9, 5, 9)]
        trial.queue(*items)
        await trial.beat()
        for count in range(1, len(items) + 1):
            out = (await _at_least(trial, count))[:count]
            await subject.finish(out[-1])
        expected = [items[place].attempt_id for place in (1, 3, 2, 0)]
        _expect(list(await subject.passed_on()) == expected, "attempts come out by priority, then as they came")


async def check_replaces_an_older_attempt(subject: Subject) -> None:
    """The scheduler's latest word on a task instance counts."""
    async with _running(subject) as trial:
        older, newer = trial.item(task_id="same"), trial.item(task_id="same")
        trial.queue(older, newer)
        _expect(trial.handed_over == [older.attempt_id], "a newer attempt of a task instance replaces one that waits")
        await trial.beat()
        out = await trial.until_out(1, "only the newer attempt comes out")
        _expect(out == [newer.attempt_id], "the newer attempt comes out")


async def check_carries_mark_success(subject: Subject) -> None:
    """What a command asks for arrives where it runs."""
    async with _running(subject) as trial:
        item = trial.item()
        trial.executor.queue_task_instance(item, trial.note(item), mark_success=True)
        await trial.beat()

        async def is_marked() -> bool:
            return item.attempt_id in await subject.marked()

        await _until(is_marked, "`--mark-success` of a command arrives where the attempt is run")


async def check_keeps_to_its_slots(subject: Subject) -> None:
    """No more at once than there are slots; an attempt that ends makes room at once, without a heartbeat."""
    async with _running(subject) as trial:
        count = subject.slots + 2 if subject.slots else _UNLIMITED_SAMPLE
        trial.queue(*(trial.item() for _ in range(count)))
        await trial.beat()
        if not subject.slots:
            await trial.until_out(count, "without a limit, everything that was queued comes out")
            return
        for finished in range(3):
            out = await trial.until_out(min(subject.slots + finished, count), f"{subject.slots} are out at once")
            await _settle()
            _expect(len(await subject.passed_on()) == len(out), f"no more than {subject.slots} are out at once")
            await subject.finish(out[finished])


async def check_adopts_what_it_holds(subject: Subject) -> None:
    """A message that is delivered again stands for the attempt that waits; what the executor does not hold is named."""
    async with _running(subject) as trial:
        held, unknown = trial.item(), trial.item()
        trial.queue(held)
        again = [Workload(item, trial.note(item)) for item in (held, unknown)]
        lost = await trial.executor.try_adopt_task_instances(again)
        _expect(list(lost) == [again[1]], "try_adopt_task_instances returns what the executor does not hold, only that")
        _expect(trial.handed_over == [], "adopting an attempt that waits hands nothing over")
        await trial.beat()
        await trial.until_out(1, "an adopted attempt comes out once")
        await trial.until_handed_over(2)


async def check_ends_in_good_order(subject: Subject) -> None:
    """After the stop, what runs may finish, then `run` returns; what waits is left to be delivered elsewhere."""
    async with _running(subject) as trial:
        trial.queue(trial.item())
        await trial.beat()
        (out,) = await trial.until_out(1, "an attempt that was queued comes out")
        await trial.until_handed_over(1)
        left = trial.item()
        trial.queue(left)
        trial.stop.set()
        await _settle()
        await subject.finish(out)
    _expect(left.attempt_id not in trial.handed_over, "an attempt that still waits at the end is not handed over")
    _expect(not trial.executor.queued_tasks, "after `end` nothing waits in the executor")


async def check_terminates_at_once(subject: Subject) -> None:
    """Nothing that runs is waited for."""
    async with _running(subject) as trial:
        trial.queue(trial.item())
        await trial.beat()
        await trial.until_out(1, "an attempt that was queued comes out")
        await trial.executor.terminate()


CHECKS: Final[tuple[Check, ...]] = (
    check_passes_on_what_is_queued,
    check_is_calm_without_work,
    check_refuses_the_same_attempt_twice,
    check_refuses_other_commands,
    check_passes_on_by_priority,
    check_replaces_an_older_attempt,
    check_carries_mark_success,
    check_keeps_to_its_slots,
    check_adopts_what_it_holds,
    check_ends_in_good_order,
    check_terminates_at_once,
)
"""All of them."""


@asynccontextmanager
async def _running(subject: Subject) -> AsyncGenerator[_Trial]:
    """The executor with its `run` under way, as the dispatcher has it; afterwards it is stopped, and must be."""
    async with subject.opened() as executor:
        trial = _Trial(subject, executor)
        failure: Exception | None = None
        async with asyncio.TaskGroup() as group:
            running = group.create_task(executor.run(trial.stop), name="executor")
            try:
                await _settle()
                yield trial
                await _stopped(trial, running)
            except Exception as exc:  # raised below, outside the group, which would wrap it
                failure = exc
            finally:
                running.cancel()
        if failure is not None:
            raise failure


async def _stopped(trial: _Trial, running: asyncio.Task[None]) -> None:
    trial.stop.set()
    for attempt_id in await trial.subject.passed_on():
        await trial.subject.finish(attempt_id)
    await asyncio.wait([running], timeout=PATIENCE_SECONDS)
    _expect(running.done(), f"`run` returns within {PATIENCE_SECONDS:g} s of the stop once nothing runs")
    for _ in range(2):  # stopping twice is harmless
        await trial.executor.end()


async def _at_least(trial: _Trial, count: int) -> Sequence[UUID]:
    async def is_so() -> bool:
        return len(await trial.subject.passed_on()) >= count

    await _until(is_so, f"{count} of what was queued come out, as slots come free")
    return await trial.subject.passed_on()


async def _until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                if await condition():
                    return
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise Nonconforming(f"not within {PATIENCE_SECONDS:g} s: {what}") from None


async def _settle() -> None:
    await asyncio.sleep(SETTLING_SECONDS)


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise Nonconforming(what)
