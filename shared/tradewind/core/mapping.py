"""How many instances a mapped task or task group gets, from what its upstream tasks pushed."""

from collections.abc import Callable, Iterator
from math import prod

from tradewind.core.spec import LengthKind, MapLength

Pushed = Callable[[str], int | None]
"""Task id → length of what it pushed, or how many of its instances pushed something if it is mapped itself; None = it
has not ended, or there is nothing to map over."""


def instances_wanted(length: MapLength, pushed: Pushed) -> int | None:
    """How many instances; None while a length is not known."""
    if length.kind is LengthKind.LITERAL:
        return length.length
    if length.kind is LengthKind.XCOM:
        assert length.task_id is not None, "a length by XCom names its task"
        return pushed(length.task_id)
    found = [instances_wanted(part, pushed) for part in length.parts]
    known = [part for part in found if part is not None]
    return _joined(length.kind, known) if len(known) == len(found) else None


def _joined(kind: LengthKind, lengths: list[int]) -> int:
    if kind is LengthKind.PRODUCT:
        return prod(lengths)
    if kind is LengthKind.SUM:
        return sum(lengths)
    return (min if kind is LengthKind.SHORTEST else max)(lengths, default=0)


def mapped_over(length: MapLength) -> Iterator[str]:
    """The ids of the tasks whose XComs give the length."""
    if length.task_id is not None:
        yield length.task_id
    for part in length.parts:
        yield from mapped_over(part)
