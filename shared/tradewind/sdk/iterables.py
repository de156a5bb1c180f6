"""Small functions over iterables, which older DAG files import from `airflow.utils.helpers`."""

from collections.abc import Callable, Generator, Iterable
from itertools import filterfalse, tee
from typing import Any, TypeVar

T = TypeVar("T")


def is_container(obj: object) -> bool:
    """Whether it can be iterated over and is no text."""
    return hasattr(obj, "__iter__") and not isinstance(obj, str)


def chunks(items: list[T], chunk_size: int) -> Generator[list[T]]:
    """Lists of `chunk_size` (at least 1) of the items, one after the other; the last one may be shorter."""
    if chunk_size <= 0:
        raise ValueError("Chunk size must be a positive integer")
    for start in range(0, len(items), chunk_size):
        yield items[start : start + chunk_size]


def as_flattened_list(iterable: Iterable[Iterable[T]]) -> list[T]:
    """The elements of all."""
    return [element for inner in iterable for element in inner]


def partition(pred: Callable[[T], Any], iterable: Iterable[T]) -> tuple[Iterable[T], Iterable[T]]:
    """Those of which it is false, and those of which it is true."""
    first, second = tee(iterable)
    return filterfalse(pred, first), filter(pred, second)
