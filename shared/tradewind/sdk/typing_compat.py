"""Names of `typing` that older code imports from Airflow."""

from typing import Literal, ParamSpec, Self, TypeAlias, TypedDict, TypeGuard, Unpack, assert_never, runtime_checkable
from typing import Protocol as Protocol

__all__ = [
    "Literal",
    "ParamSpec",
    "Protocol",
    "Self",
    "TypeAlias",
    "TypeGuard",
    "TypedDict",
    "Unpack",
    "assert_never",
    "runtime_checkable",
]
