"""What the instances of a mapped task pushed, as one sequence that is read as it is used."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from operator import index
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, overload

from tradewind.sdk.exceptions import AirflowRuntimeError
from tradewind.sdk.runtime import Runtime, current_runtime
from tradewind.sdk.types import NOTSET

if TYPE_CHECKING:
    from tradewind.sdk.xcom_arg import XComArg

T = TypeVar("T")

CHUNK_LENGTH: Final = 100
"""Values read at once while somebody iterates."""


class LazyXComSequence(Sequence[T], Generic[T]):
    """Values in the order of the map indexes; instances that pushed nothing are left out. Raises AirflowRuntimeError
    outside of a task."""

    def __init__(self, xcom_arg: "XComArg", ti: Any) -> None:
        operator = xcom_arg.operator
        self._place = (operator.dag_id, str(ti.run_id), operator.task_id, xcom_arg.key)
        self._length: int | None = None

    def __len__(self) -> int:
        if self._length is None:
            self._length = _runtime().count_xcoms(*self._place)
        return self._length

    @overload
    def __getitem__(self, key: int) -> T: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[T]: ...
    def __getitem__(self, key: int | slice) -> T | Sequence[T]:
        if isinstance(key, slice):
            return self._read(
                slice(*(None if part is None else index(part) for part in (key.start, key.stop, key.step)))
            )
        found, value = _runtime().get_xcom_item(*self._place, index(key))
        if not found:
            raise IndexError(key)
        return _deserialized(value)

    def __iter__(self) -> Iterator[T]:
        first = 0
        while chunk := self._read(slice(first, first + CHUNK_LENGTH)):
            yield from chunk
            if len(chunk) < CHUNK_LENGTH:
                return
            first += CHUNK_LENGTH

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return all(one == another for one, another in zip_longest(self, other, fillvalue=NOTSET))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - a sequence of anything

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        if self._length is None:
            return "LazyXComSequence(<unevaluated length>)"
        return f"LazyXComSequence([{self._length} {'item' if self._length == 1 else 'items'}])"

    def _read(self, bounds: slice) -> list[T]:
        return [_deserialized(value) for value in _runtime().get_xcom_slice(*self._place, bounds)]


def _runtime() -> Runtime:
    runtime = current_runtime()
    if runtime is None:
        raise AirflowRuntimeError("XComs can only be read while a task executes")
    return runtime


def _deserialized(value: Any) -> Any:
    # Imported here: the backend is looked up when the first value is read.
    from tradewind.sdk.xcom import deserialized

    return deserialized(value)
