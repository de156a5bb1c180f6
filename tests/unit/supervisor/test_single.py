"""One attempt as a worker of its own."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from tests.polling import poll_until
from tests.unit.supervisor.world import Child, Collector, Launcher, LogStore, attempt, in_virtual_time, key_of
from tests.unit.supervisor.world import virtual_now as clock
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.core.states import EndCause, Outcome
from tradewind.task_runner.launcher import Exit
from tradewind.task_runner.settings import TaskRunningSettings
from tradewind.task_runner.supervising.children import Children
from tradewind.task_runner.supervising.single import FAILED, NOT_RUN, SUCCEEDED, run_single_attempt


class Run:
    """One call of `run_single_attempt`, with a collector."""

    def __init__(self, then: Callable[[Child], None]) -> None:
        broker = MemoryBroker()
        self.bus = MemoryBus(broker)
        self.collector = Collector(MemoryBus(broker))
        self.launcher = Launcher()
        self.stop = asyncio.Event()
        self._then = then

    async def exit_code(self, *, mark_success: bool = False) -> int:
        ids = (UUID(int=1_000_000 + count) for count in range(1000))
        async with asyncio.TaskGroup() as group:
            collecting = group.create_task(self.collector.run())
            acting = group.create_task(self._act())
            code = await run_single_attempt(
                settings=TaskRunningSettings(),
                bus=self.bus,
                key=key_of(1),
                attempt_id=attempt(1),
                clock=clock,
                new_id=lambda: next(ids),
                stop=self.stop,
                open_children=self._children,
                mark_success=mark_success,
            )
            collecting.cancel()
            acting.cancel()
        return code

    async def _act(self) -> None:
        await poll_until(lambda: 1 in self.launcher.children)
        self._then(self.launcher.children[1])

    @asynccontextmanager
    async def _children(self, settings: TaskRunningSettings) -> AsyncGenerator[Children]:
        yield Children(self.launcher, LogStore())


@in_virtual_time
async def test_marked_as_success_it_exits_with_0_and_has_no_child() -> None:
    run = Run(lambda child: child.finish(Outcome.FAILED))
    assert await run.exit_code(mark_success=True) == SUCCEEDED
    assert run.launcher.launches == []
    assert run.collector.ended[attempt(1)].outcome == Outcome.SUCCESS


@in_virtual_time
async def test_success_and_skip_exit_with_0() -> None:
    for outcome in (Outcome.SUCCESS, Outcome.SKIPPED):
        run = Run(lambda child, outcome=outcome: child.finish(outcome))
        assert await run.exit_code() == SUCCEEDED
        assert run.collector.ended[attempt(1)].outcome == outcome
        assert run.collector.beats[0].kind == "single"
        assert run.collector.beats[-1].leaving


@in_virtual_time
async def test_failure_exits_with_1_after_its_end_is_committed() -> None:
    acts: list[Callable[[Child], None]] = [
        lambda child: child.finish(Outcome.FAILED, EndCause.USER_ERROR),
        lambda child: child.exit(Exit(signal=11)),
    ]
    for act in acts:
        run = Run(act)
        assert await run.exit_code() == FAILED
        assert run.collector.ended[attempt(1)].cause == EndCause.USER_ERROR


@in_virtual_time
async def test_callbacks_of_a_success_are_waited_for() -> None:
    exits: list[int] = []

    def act(child: Child) -> None:
        child.finish(overtime_seconds=20.0)
        asyncio.get_running_loop().call_later(15.0, leave, child)

    def leave(child: Child) -> None:
        exits.append(len(child.kills))
        child.exit(Exit(code=0))

    assert await Run(act).exit_code() == SUCCEEDED
    assert exits == [0]


@in_virtual_time
async def test_superseded_attempt_runs_nothing_and_exits_with_3() -> None:
    run = Run(lambda child: None)
    run.collector.void.append(attempt(1))
    assert await run.exit_code() == NOT_RUN
    assert run.launcher.launches == []


@in_virtual_time
async def test_attempt_superseded_while_it_ran_exits_with_3() -> None:
    def act(child: Child) -> None:
        run.collector.void.append(attempt(1))
        child.finish()

    run = Run(act)
    assert await run.exit_code() == NOT_RUN


@in_virtual_time
async def test_stop_preempts_the_attempt_and_exits_with_1() -> None:
    run = Run(lambda child: run.stop.set())
    assert await run.exit_code() == FAILED
    assert run.collector.ended[attempt(1)].cause == EndCause.PREEMPTED
