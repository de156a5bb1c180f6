"""A task group that is mapped: as many instances of all its tasks as there is something to map over."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from tradewind.sdk.mapped.expand_input import ExpandInput
from tradewind.sdk.task_groups import TaskGroup

if TYPE_CHECKING:
    from types import TracebackType


class MappedTaskGroup(TaskGroup):
    """Its tasks' instances are joined index by index; whatever is outside waits for all of them."""

    is_mapped: ClassVar[bool] = True

    def __init__(self, group_id: str, *, expand_input: ExpandInput, **settings: Any) -> None:
        super().__init__(group_id, **settings)
        self.expand_input = expand_input
        outer = self.parent_group
        while outer is not None and not outer.is_mapped:
            outer = outer.parent_group
        if outer is not None:
            raise NotImplementedError(f"group {self.group_id!r}: nesting mapped task groups is not supported")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        for upstream, _ in self.expand_input.iter_references():
            self.set_upstream(upstream)
        super().__exit__(kind, error, trace)


def given_arguments(names: Sequence[str], arguments: Mapping[str, Any], where: str) -> None:
    """Raises TypeError for arguments that the group's function does not name."""
    unknown = sorted(name for name in arguments if name not in names)
    if unknown:
        raise TypeError(f"{where} got unexpected keyword arguments {unknown}")
