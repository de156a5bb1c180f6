"""XCom values of libraries that Tradewind itself does not need: numpy's numbers and pandas' data frames.

class                         __data__
numpy's numbers and booleans  the plain number; of a complex one, [real, imaginary]
pandas' DataFrame             its Parquet form in base64 (pandas needs pyarrow or fastparquet for that)
"""

import base64
from collections.abc import Callable, Mapping
from importlib import import_module
from io import BytesIO
from typing import Any, Final

_INTEGERS: Final = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_OTHERS: Final = ("float16", "float32", "float64", "bool", "bool_")
_COMPLEX: Final = ("complex64", "complex128")
_FRAMES: Final = ("pandas.DataFrame", "pandas.core.frame.DataFrame")
"""Where pandas 3 says that the class is, and where pandas 2 did."""


def _parts(value: Any) -> list[float]:
    return [float(value.real), float(value.imag)]


def _parquet(frame: Any) -> str:
    return base64.b64encode(frame.to_parquet()).decode()


WRITERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    **{f"numpy.{name}": lambda value: value.item() for name in (*_INTEGERS, *_OTHERS)},
    **dict.fromkeys((f"numpy.{name}" for name in _COMPLEX), _parts),
    **dict.fromkeys(_FRAMES, _parquet),
}
"""Class → what makes `__data__` of its value."""


def _number(name: str) -> Callable[[Any], Any]:
    return lambda data: getattr(import_module("numpy"), name)(data)


def _complex(name: str) -> Callable[[Any], Any]:
    return lambda data: getattr(import_module("numpy"), name)(complex(*data))


def _frame(data: str) -> Any:
    return import_module("pandas").read_parquet(BytesIO(base64.b64decode(data)))


READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    **{f"numpy.{name}": _number(name) for name in (*_INTEGERS, *_OTHERS)},
    **{f"numpy.{name}": _complex(name) for name in _COMPLEX},
    **dict.fromkeys(_FRAMES, _frame),
}
"""Class → what makes a value of its `__data__`."""
