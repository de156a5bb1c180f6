"""Files of variables: key → value, or key → `{"value": …, "description": …}`. Values that are no text are JSON."""

import json
from collections.abc import Mapping
from typing import NamedTuple, cast

from tradewind.cli.stored_files.texts import FileProblem, parsed


class Variable(NamedTuple):
    """A variable's text, and what it is for."""

    value: str
    description: str | None = None


def read_variables(text: str, suffix: str) -> dict[str, Variable]:
    """By key. Raises `FileProblem`."""
    return {key: _variable(key, value) for key, value in parsed(text, suffix).items()}


def write_variables(variables: Mapping[str, Variable]) -> str:
    """A file of JSON. A value that is a JSON object or list is written as such; it comes back as the same value, though
    perhaps with other spaces. Any other text comes back as it was."""
    entries = {key: _entry(variable) for key, variable in variables.items()}
    return json.dumps(entries, sort_keys=True, indent=4)


def _variable(key: str, value: object) -> Variable:
    if not isinstance(value, dict) or "value" not in value:
        return Variable(_text(cast("object", value)))
    given = cast("dict[str, object]", value)
    description = given.get("description")
    if description is not None and not isinstance(description, str):
        raise FileProblem(f"{key}: its description must be a text")
    return Variable(_text(given["value"]), description)


def _text(value: object) -> str:
    try:
        return value if isinstance(value, str) else json.dumps(value, indent=2)
    except TypeError:  # YAML has dates
        return str(value)


def _entry(variable: Variable) -> object:
    value = _value(variable.value)
    needs_frame = isinstance(value, dict) and "value" in value
    if variable.description or needs_frame:
        return {"value": cast("object", value), "description": variable.description}
    return cast("object", value)


def _value(text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    is_same = isinstance(value, dict | list) or (not isinstance(value, str) and _text(value) == text)
    return cast("object", value) if is_same else text
