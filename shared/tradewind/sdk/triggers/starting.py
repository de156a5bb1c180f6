"""Tasks that begin by waiting for a trigger (`start_from_trigger`)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tradewind.sdk.exceptions import TaskDeferred
from tradewind.sdk.triggers.base import BaseTrigger, StartTriggerArgs
from tradewind.sdk.types import is_collection, is_dict

if TYPE_CHECKING:
    from tradewind.sdk.context import Context
    from tradewind.sdk.operator import BaseOperator

_DELIMITERS: Final = ("{{", "{%", "{#")


def start_trigger(task: "BaseOperator") -> StartTriggerArgs | None:
    """What the task begins by waiting for; None if it begins in a worker."""
    return task.start_trigger_args if task.start_from_trigger is True else None


def needs_worker(task: "BaseOperator", start: StartTriggerArgs) -> bool:
    """Whether a worker must work out the trigger's arguments: templates among them, or another set an instance."""
    templated = (value for name, value in (start.trigger_kwargs or {}).items() if name in task.template_fields)
    return task.is_mapped or any(_has_template(value, tuple(task.template_ext)) for value in templated)


def _has_template(value: object, extensions: tuple[str, ...]) -> bool:
    if isinstance(value, str):
        is_file = bool(extensions) and value.endswith(extensions)
        return is_file or any(delimiter in value for delimiter in _DELIMITERS)
    inner = value.values() if is_dict(value) else value if is_collection(value) else ()
    return any(_has_template(part, extensions) for part in inner)


class _Named(BaseTrigger):
    """A trigger that is not made here."""

    def __init__(self, classpath: str, arguments: Mapping[str, Any]) -> None:
        super().__init__()
        self._classpath, self._arguments = classpath, dict(arguments)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return self._classpath, self._arguments


def deferral_at_start(task: "BaseOperator", start: StartTriggerArgs, context: "Context") -> TaskDeferred:
    """The wait that the task begins with, in place of `execute`; arguments named as templated fields are rendered."""
    arguments = {
        name: task.render_template(value, context) if name in task.template_fields else value
        for name, value in (start.trigger_kwargs or {}).items()
    }
    return TaskDeferred(
        trigger=_Named(start.trigger_cls, arguments),
        method_name=start.next_method,
        kwargs=start.next_kwargs,
        timeout=start.timeout,
    )
