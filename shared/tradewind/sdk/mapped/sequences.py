"""`map`, `zip` and `concat` over values that may be read lazily: an element is made when it is asked for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, overload

from tradewind.sdk.types import NOTSET

Container = Sequence[Any] | Mapping[Any, Any]


class Elements(Sequence[Any]):
    """A sequence by `_at`, which takes places from 0 to the length."""

    def _at(self, place: int) -> Any:
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        length = len(self)
        if isinstance(index, slice):
            return [self._at(place) for place in range(*index.indices(length))]
        if not -length <= index < length:
            raise IndexError(index)
        return self._at(index % length)

    def __iter__(self) -> Iterator[Any]:
        return (self._at(place) for place in range(len(self)))


class Mapped(Elements):
    """Every element after all functions."""

    def __init__(self, values: Container, functions: Sequence[Callable[[Any], Any]]) -> None:
        self._values, self._functions = values, functions

    def __len__(self) -> int:
        return len(self._values)

    def _at(self, place: int) -> Any:
        value = element(self._values, place)
        for function in self._functions:
            value = function(value)
        return value


class Zipped(Elements):
    """Tuples of elements at one place: as long as the shortest, or with a fill value as the longest."""

    def __init__(self, parts: Sequence[Container], fillvalue: Any = NOTSET) -> None:
        self._parts, self._fillvalue = parts, fillvalue

    def __len__(self) -> int:
        lengths = [len(part) for part in self._parts]
        return min(lengths) if self._fillvalue is NOTSET else max(lengths)

    def _at(self, place: int) -> Any:
        return tuple(element(part, place) if place < len(part) else self._fillvalue for part in self._parts)


class Concatenated(Elements):
    """The elements of all parts, one part after the other."""

    def __init__(self, parts: Sequence[Container]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(len(part) for part in self._parts)

    def _at(self, place: int) -> Any:
        for part in self._parts:
            if place < len(part):
                return element(part, place)
            place -= len(part)
        raise IndexError(place)


def element(values: Container, place: int) -> Any:
    """The element at a place; of a mapping, the (key, value) pair."""
    if isinstance(values, Mapping):
        return next(islice(values.items(), place, None))
    return values[place]


def as_container(value: Any, what: str) -> Container:
    """The value, if it can be mapped over: a sequence other than a text, or a mapping. Raises ValueError."""
    if is_mappable(value):
        return value
    raise ValueError(f"{what} expects sequence or dict, not {type(value).__name__}")


def is_mappable(value: Any) -> bool:
    """Whether instances can be made of its elements."""
    return isinstance(value, Sequence | Mapping) and not isinstance(value, str | bytes)
