"""The three forms of a file: JSON, YAML, and lines of `KEY=value`."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, cast


class FileProblem(ValueError):
    """The file is not what it should be; says where and what to change."""


def parsed(text: str, suffix: str) -> Mapping[str, object]:
    """What a file says, by key; its form is told by its suffix, without the dot. In `env`, a key given twice is a
    problem. Raises `FileProblem`."""
    read = _READERS.get(suffix.lower())
    if read is None:
        known = ", ".join(f".{each}" for each in _READERS)
        raise FileProblem(f"A file's name must end in one of {known}, for its form is told by that")
    return read(text)


def _json(text: str) -> Mapping[str, object]:
    try:
        return _object(json.loads(text))
    except json.JSONDecodeError as exc:
        raise FileProblem(f"line {exc.lineno}, column {exc.colno}: {exc.msg}") from exc


def _yaml(text: str) -> Mapping[str, object]:
    import yaml

    try:
        return _object(yaml.safe_load(text))
    except yaml.YAMLError as exc:
        raise FileProblem(str(exc)) from exc


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise FileProblem("line 1: the file must hold one object, with a key for each entry")
    return {str(key): item for key, item in cast("dict[object, object]", value).items()}


def _env(text: str) -> Mapping[str, object]:
    found: dict[str, object] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.lstrip().startswith("#"):
            continue
        key, mark, value = line.partition("=")
        if not (key and mark and value):
            raise FileProblem(f"line {number}: it should read KEY=value, or begin with # if it is a comment")
        if key in found:
            raise FileProblem(f"line {number}: {key} stands in an earlier line, too")
        found[key] = value
    return found


_READERS: Final[Mapping[str, Callable[[str], Mapping[str, object]]]] = MappingProxyType(
    {"env": _env, "json": _json, "yaml": _yaml, "yml": _yaml}
)
