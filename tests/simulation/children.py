"""Imaginary child processes: they run for as long, and end as, their plan says, and every start is written down."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from tests.simulation.plans import asset_events, behaviour
from tradewind.core.clock import Clock
from tradewind.core.spec import DagSpec
from tradewind.core.states import EndCause, Outcome
from tradewind.service.dag_roots import DagFileLocation
from tradewind.task_runner.launcher import ChildEvent, Exit, LaunchFailed
from tradewind.task_runner.protocol import AttemptRequest, AttemptResult
from tradewind.wire.messages import Deferral, EndEffects, TaskInstanceKey, TaskStarted


class Execution(NamedTuple):
    """User code began."""

    at: datetime
    worker: str
    key: TaskInstanceKey
    attempt_id: UUID
    has_waited: bool
    """It goes on after a wait, rather than from the beginning."""


def has_waited(request: AttemptRequest) -> bool:
    """The try was deferred or rescheduled before."""
    return request.grant.next_method is not None or request.grant.task_reschedule_count > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildFaults:
    """What goes wrong with children; each function draws from the world's seed."""

    launch_fails: Callable[[], bool]
    """No process can be made at the moment."""
    dies_before_start: Callable[[], bool]
    """The child is gone before user code began."""
    killed_after: Callable[[float], float | None]
    """The kernel kills the child so many seconds into its run; None = it does not."""


class SimulatedAttempt:
    """One child process."""

    def __init__(self, request: AttemptRequest, spec: DagSpec, seed: int, clock: Clock, faults: ChildFaults) -> None:
        self._request = request
        self._clock = clock
        key = request.key
        self._plan = behaviour(
            seed, spec, key.run_id, key.task_id, key.try_number, key.map_index, has_waited=has_waited(request)
        )
        self._task = next(task for task in spec.tasks if task.task_id == key.task_id)
        self._dies_before_start = faults.dies_before_start()
        self._killed_after = faults.killed_after(self._plan.seconds)
        self._signal: int | None = None
        self._signalled = asyncio.Event()
        self.on_start: Callable[[], None] = lambda: None

    @property
    def pid(self) -> int | None:
        return 4711

    def kill(self, grace_seconds: float) -> None:
        self._signal = self._signal or 15
        self._signalled.set()

    async def events(self) -> AsyncIterator[ChildEvent]:
        if self._dies_before_start or self._signal:
            yield Exit(signal=self._signal or 9)
            return
        started_at = self._clock()
        self.on_start()
        yield TaskStarted(self._request.attempt_id, 4711, started_at, "simulated")
        seconds = self._plan.seconds if self._killed_after is None else self._killed_after
        try:
            async with asyncio.timeout(seconds):
                await self._signalled.wait()
        except TimeoutError:
            yield self._conclusion(started_at)
        else:
            yield Exit(signal=self._signal)

    def _conclusion(self, started_at: datetime) -> ChildEvent:
        if self._killed_after is not None:
            return Exit(signal=9)
        outcome = self._plan.outcome
        failed = outcome in (Outcome.FAILED, Outcome.FAILED_WITHOUT_RETRY)
        cause = EndCause.USER_ERROR if failed else EndCause.NONE
        effects = self._effects()
        xcoms = (("return_value", b"1"),)
        return AttemptResult(outcome, cause, None, started_at, self._clock(), xcoms=xcoms, effects=effects)

    def _effects(self) -> EndEffects | None:
        plan = self._plan
        match plan.outcome:
            case Outcome.SUCCESS:
                skipped = tuple((task_id, -1) for task_id in plan.skipped)
                events = asset_events(self._task)
                return EndEffects(map_length=plan.map_length, skipped=skipped, asset_events=events)
            case Outcome.DEFERRED:
                kwargs = f'{{"seconds":{plan.wait_seconds}}}'.encode()
                return EndEffects(deferral=Deferral("simulated.Trigger", kwargs, "execute_complete", b"{}"))
            case Outcome.RESCHEDULED:
                return EndEffects(reschedule_at=self._clock() + timedelta(seconds=plan.wait_seconds))
            case _:
                return None


class SimulatedLauncher:
    """The launcher port over imaginary children, all of which die with it."""

    def __init__(
        self,
        *,
        worker: str,
        specs: Mapping[str, DagSpec],
        seed: int,
        clock: Clock,
        faults: ChildFaults,
        executions: list[Execution],
    ) -> None:
        self._worker = worker
        self._specs = specs
        self._seed = seed
        self._clock = clock
        self._faults = faults
        self._executions = executions
        self._is_dead = False

    def prepare(self, file: DagFileLocation) -> None:
        """Nothing can be done ahead for an imaginary child."""

    def is_for_lane(self, key: TaskInstanceKey) -> bool:
        return False

    async def launch(self, request: AttemptRequest, file: DagFileLocation) -> SimulatedAttempt:
        if self._is_dead or self._faults.launch_fails():
            raise LaunchFailed("no process can be made: the simulation says so")
        attempt = SimulatedAttempt(request, self._specs[request.key.dag_id], self._seed, self._clock, self._faults)
        attempt.on_start = lambda: self._record(request)
        return attempt

    def crash(self) -> None:
        """The worker's process is gone: nothing starts any more."""
        self._is_dead = True

    def _record(self, request: AttemptRequest) -> None:
        if not self._is_dead:
            self._executions.append(
                Execution(self._clock(), self._worker, request.key, request.attempt_id, has_waited(request))
            )
