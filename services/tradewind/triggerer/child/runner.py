"""Runs triggers, each as a task of its own, and says what became of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from tradewind.sdk import serde
from tradewind.sdk.dag_file import user_traceback
from tradewind.sdk.log import TaskLogger
from tradewind.sdk.masking import MASKER
from tradewind.sdk.runtime import install_runtime
from tradewind.sdk.triggers.base import BaseTaskEndEvent, BaseTrigger, TriggerEvent
from tradewind.triggerer.child.importing import TriggerClasses
from tradewind.triggerer.child.logs import TriggerLogs
from tradewind.triggerer.child.runtime import TriggerClient
from tradewind.triggerer.child.steps import CURRENT_TRIGGER
from tradewind.triggerer.protocol import (
    FromChild,
    RunTrigger,
    StopTrigger,
    TriggerFailed,
    TriggerFired,
    TriggerStopped,
)

Say = Callable[[FromChild], None]

AGAIN_SECONDS: Final = 1.0
AGAIN_MAX_SECONDS: Final = 60.0

log: Final = TaskLogger("tradewind.trigger")


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerTaskInstance:
    """The task instance that waits, as its trigger sees it."""

    id: UUID
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int


class TriggerRunner:
    """All triggers of one child."""

    def __init__(
        self,
        *,
        classes: TriggerClasses,
        logs: TriggerLogs,
        execution_api_url: str,
        kill_seconds: float,
        say: Say,
        group: asyncio.TaskGroup,
    ) -> None:
        self._classes = classes
        self._logs = logs
        self._execution_api_url = execution_api_url
        self._kill_seconds = kill_seconds
        self._say = say
        self._group = group
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._ended_by_person: dict[int, None] = {}

    def start(self, request: RunTrigger) -> None:
        """Run a trigger."""
        context = copy_context()
        context.run(CURRENT_TRIGGER.set, request.id)
        if request.token:
            MASKER.add(request.token)
        self._logs.open(request.id)
        running = self._watch(request) if request.is_watcher else self._run(request)
        task = self._group.create_task(running, name=f"trigger {request.id}", context=context)
        self._tasks[request.id] = task
        task.add_done_callback(lambda _: self._forget(request))

    def _forget(self, request: RunTrigger) -> None:
        self._tasks.pop(request.id, None)
        if request.token:
            MASKER.forget(request.token)  # a child runs for months, and sees one for every trigger

    def stop(self, request: StopTrigger) -> None:
        """End a trigger."""
        task = self._tasks.get(request.id)
        if task is None:
            return
        if request.by_person:
            self._ended_by_person[request.id] = None
        task.cancel()

    def stop_all(self) -> None:
        """End all triggers: others will run them anew."""
        for task in list(self._tasks.values()):
            task.cancel()

    async def _run(self, request: RunTrigger) -> None:
        install_runtime(TriggerClient(self._execution_api_url, request.token))
        trigger: BaseTrigger | None = None
        try:
            trigger = self._make(request)
            log.info("trigger %s starting", request.trigger_id)
            await self._until_first_event(request.id, trigger)
        except asyncio.CancelledError:
            if trigger is not None and request.id in self._ended_by_person:
                await self._kill(trigger)
            self._say(TriggerStopped(request.id))
            raise
        except BaseException as exc:
            log.exception("Trigger %s failed", request.trigger_id)
            lines = tuple(MASKER.redact(user_traceback(exc)).splitlines())
            self._say(TriggerFailed(request.id, lines, self._logs.take(request.id)))
        finally:
            self._ended_by_person.pop(request.id, None)
            if trigger is not None:
                await _clean_up(trigger)
            self._logs.take(request.id)

    async def _watch(self, request: RunTrigger) -> None:
        """Say every event; begin anew when the trigger has come to its end, later and later while it fails."""
        delay = AGAIN_SECONDS
        try:
            while True:
                try:
                    await self._say_events(request)
                    delay = AGAIN_SECONDS
                except Exception as exc:
                    lines = tuple(MASKER.redact(user_traceback(exc)).splitlines())
                    self._say(TriggerFailed(request.id, lines, self._logs.take(request.id)))
                    self._logs.open(request.id)
                    delay = min(delay * 2, AGAIN_MAX_SECONDS)
                await asyncio.sleep(delay)
        finally:
            self._logs.take(request.id)
            self._say(TriggerStopped(request.id))

    async def _say_events(self, request: RunTrigger) -> None:
        trigger = self._make(request)
        try:
            async with aclosing(_events(trigger)) as events:
                async for event in events:
                    if not isinstance(event, TriggerEvent):
                        raise TypeError(f"a trigger must yield a TriggerEvent, not {type(event).__name__}: {event!r}")
                    self._say(TriggerFired(request.id, serde.to_json(event.payload)))
        finally:
            await _clean_up(trigger)

    def _make(self, request: RunTrigger) -> BaseTrigger:
        kwargs = cast("dict[str, Any]", serde.from_json(request.kwargs))
        trigger = self._classes.find(request.classpath, request.relative_fileloc)(**kwargs)
        trigger.trigger_id = request.trigger_id
        trigger.task_instance = TriggerTaskInstance(
            id=request.attempt_id,
            dag_id=request.dag_id,
            run_id=request.run_id,
            task_id=request.task_id,
            map_index=request.map_index,
            try_number=request.try_number,
        )
        return trigger

    async def _until_first_event(self, trigger_id: int, trigger: BaseTrigger) -> None:
        async with aclosing(_events(trigger)) as events:
            async for event in events:
                log.info("Trigger fired event: %r", event)
                self._say(_fired(trigger_id, event, self._logs.take(trigger_id)))
                return
        raise RuntimeError(f"{type(trigger).__name__} ended without an event")

    async def _kill(self, trigger: BaseTrigger) -> None:
        try:
            async with asyncio.timeout(self._kill_seconds):
                await trigger.on_kill()
        except TimeoutError:
            log.warning("on_kill() took longer than %s s", self._kill_seconds)
        except Exception:
            log.exception("on_kill() failed")


def _events(trigger: BaseTrigger) -> Any:
    events: Any = trigger.run()
    if not hasattr(events, "__anext__"):
        raise TypeError(f"run() of {type(trigger).__name__} must be an asynchronous generator, not {events!r}")
    return events if hasattr(events, "aclose") else _Closable(events)


class _Closable:
    """An iterator that needs no closing."""

    def __init__(self, events: AsyncIterator[Any]) -> None:
        self._events = events

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._events

    async def aclose(self) -> None:
        """Nothing to do."""


async def _clean_up(trigger: BaseTrigger) -> None:
    try:
        await trigger.cleanup()
    except Exception:
        log.exception("cleanup() failed")


def _fired(trigger_id: int, event: Any, lines: bytes) -> TriggerFired:
    if isinstance(event, BaseTaskEndEvent):
        xcoms = tuple((key, serde.to_json(value)) for key, value in (event.xcoms or {}).items())
        return TriggerFired(trigger_id, b"null", str(event.task_instance_state), xcoms, lines)
    if not isinstance(event, TriggerEvent):
        raise TypeError(f"a trigger must yield a TriggerEvent, not {type(event).__name__}: {event!r}")
    return TriggerFired(trigger_id, serde.to_json(event.payload), log=lines)
