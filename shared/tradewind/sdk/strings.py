"""Small functions over texts and dicts that operators of provider packages import."""

import random
import re
import string
from collections.abc import Mapping
from typing import Any, Final

from tradewind.sdk.types import is_dict, is_list

_TRUE: Final = ("on", "t", "true", "y", "yes", "1")


def to_boolean(text: str | None) -> bool:
    """Whether a text says yes: "on", "t", "true", "y", "yes" or "1", in any case."""
    return text is not None and str(text).lower() in _TRUE


def get_random_string(length: int = 8, choices: str = string.ascii_letters + string.digits) -> str:
    """So many of these characters, at random; not for secrets."""
    return "".join(random.choices(choices, k=length))  # noqa: S311 - a name, no secret


def convert_camel_to_snake(camel_str: str) -> str:
    """`TaskGroup` as `task_group`."""
    return re.sub(r"(?!^)([A-Z]+)", r"_\1", camel_str).lower()


def merge_dicts(first: Mapping[Any, Any], second: Mapping[Any, Any]) -> dict[Any, Any]:
    """Both, dicts within them merged likewise; where both have a value, the second's."""
    merged = dict(first)
    for key, value in second.items():
        known = merged.get(key)
        merged[key] = merge_dicts(known, value) if is_dict(known) and is_dict(value) else value
    return merged


def prune_dict(value: Any, mode: str = "strict") -> Any:
    """Dicts and lists without None (`strict`) or without anything false (`truthy`), at any depth. Raises ValueError
    for another mode."""
    if mode not in ("strict", "truthy"):
        raise ValueError("mode must be one of: strict, truthy")
    if is_dict(value):
        return {key: prune_dict(inner, mode) for key, inner in value.items() if _is_kept(inner, mode)}
    if is_list(value):
        return [prune_dict(inner, mode) for inner in value if _is_kept(inner, mode)]
    return value


def _is_kept(value: Any, mode: str) -> bool:
    return value is not None if mode == "strict" else bool(value)


def exactly_one(*values: Any) -> bool:
    """Whether exactly one of these is true."""
    return sum(map(bool, values)) == 1


def at_most_one(*values: Any) -> bool:
    """Whether none or one of these is true."""
    return sum(map(bool, values)) <= 1
