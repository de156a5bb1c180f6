"""`BaseTrigger`, the events that triggers fire, and how a task starts as one."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from tradewind.sdk.log import LoggingMixin


class BaseTrigger(LoggingMixin):
    """Waits for something, asynchronously, in a triggerer's event loop. `serialize` says how to make it anew there."""

    supports_triggerer_queue: ClassVar[bool] = True

    def __init__(self, **kwargs: Any) -> None:
        self.trigger_id: int | None = None
        self.task_instance: Any = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Import path of the class, and its arguments as plain values."""
        raise NotImplementedError("Triggers must implement serialize()")

    def run(self) -> "AsyncIterator[TriggerEvent]":
        """An asynchronous generator; what it yields first wakes the task."""
        raise NotImplementedError("Triggers must implement run()")

    async def cleanup(self) -> None:
        """Override to tidy up when the trigger ends, however it does."""

    async def on_kill(self) -> None:
        """Override to stop what is waited for, when a person ended the deferred task."""

    def __repr__(self) -> str:
        classpath, kwargs = self.serialize()
        return f"<{classpath} {', '.join(f'{name}={value}' for name, value in kwargs.items())}>"


class BaseEventTrigger(BaseTrigger):
    """A trigger that may be used to watch for asset events: it fires again and again."""

    supports_triggerer_queue: ClassVar[bool] = False

    @staticmethod
    def hash(classpath: str, kwargs: Mapping[str, Any]) -> int:
        """Equal for triggers that watch the same."""
        import zlib

        return zlib.crc32(repr((classpath, sorted(kwargs.items()))).encode())


class TriggerEvent:
    """What a trigger fires; the payload reaches the task's method as `event`."""

    def __init__(self, payload: Any) -> None:
        self.payload = payload

    def __repr__(self) -> str:
        return f"TriggerEvent<{self.payload!r}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TriggerEvent) and other.payload == self.payload

    __hash__ = None  # pyright: ignore[reportAssignmentType] - payloads are mutable


@dataclass
class StartTriggerArgs:
    """How a task starts deferred, without a worker: `start_from_trigger`."""

    trigger_cls: str
    next_method: str
    trigger_kwargs: dict[str, Any] | None = None
    next_kwargs: dict[str, Any] | None = None
    timeout: timedelta | None = None
    trigger_queue: str | None = None


class BaseTaskEndEvent(TriggerEvent):
    """An event that ends the task in the triggerer, without a worker."""

    task_instance_state: ClassVar[str] = "success"

    def __init__(self, *, xcoms: dict[str, Any] | None = None, **kwargs: Any) -> None:
        payload = kwargs.get("payload", self.task_instance_state)
        super().__init__(payload)
        self.xcoms = xcoms


class TaskSuccessEvent(BaseTaskEndEvent):
    """The task has succeeded."""

    task_instance_state = "success"


class TaskFailedEvent(BaseTaskEndEvent):
    """The task has failed."""

    task_instance_state = "failed"


class TaskSkippedEvent(BaseTaskEndEvent):
    """The task is skipped."""

    task_instance_state = "skipped"
