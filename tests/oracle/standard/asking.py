"""Asks the `airflow` that this Python has, be it Airflow's own or Tradewind's; knows neither.

As a script, `python asking.py`, prints what Airflow says about the modules that are named on standard input.
"""

import inspect
import json
import sys
import warnings
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).parent
_TEXT_MAX: Final = 120


def named(modules: Iterable[str]) -> dict[str, dict[str, dict[str, str | None]]]:
    """Module → class or function that it defines → parameter → its default's text; None = there is none."""
    return {module: {name: parameters(module, name) for name in _defined(module)} for module in modules}


def _defined(module: str) -> list[str]:
    found = vars(import_module(module))
    kinds = {name: value for name, value in found.items() if not name.startswith("_") and callable(value)}
    return sorted(name for name, value in kinds.items() if getattr(value, "__module__", "") == module)


def parameters(module: str, name: str) -> dict[str, str | None]:
    """Of a function, or of a class's constructor: those that operators do not all have. Raises AttributeError."""
    value: Any = getattr(import_module(module), name)
    if isinstance(value, type) and issubclass(value, Exception):
        return {}
    every: Any = import_module("airflow.sdk").BaseOperator.__init__
    common = list(inspect.signature(every).parameters) if isinstance(value, type) else []
    found = inspect.signature(value.__init__ if isinstance(value, type) else value).parameters
    return {
        key: None if parameter.default is parameter.empty else _plain(parameter.default)
        for key, parameter in found.items()
        if key not in ("self", *common) and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }


def _plain(value: Any) -> str:
    return "a function" if inspect.isfunction(value) else repr(value)


def given(preamble: str, expressions: Iterable[str]) -> dict[str, str]:
    """Expression → "= value" or "! name of what it raises", each evaluated in a DAG of its own."""
    warnings.simplefilter("ignore")
    scope: dict[str, Any] = {}
    exec(preamble, scope)
    return {expression: _given(scope, expression, number) for number, expression in enumerate(expressions)}


def _given(scope: Mapping[str, Any], expression: str, number: int) -> str:
    with scope["DAG"](f"dag_{number}", schedule=None, params={"of_dag": 1}, start_date=datetime(2021, 1, 1)):  # noqa: DTZ001
        try:
            return "= " + _shown(eval(expression, dict(scope)))
        except Exception as exc:
            return f"! {type(exc).__name__}"


def _shown(value: Any) -> str:
    inner: Any = value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_shown(inner[key])}" for key in sorted(inner, key=str)) + "}"
    if isinstance(value, set | tuple | list):
        return "[" + ", ".join(map(_shown, sorted(inner, key=str) if isinstance(value, set) else inner)) + "]"
    if isinstance(value, datetime):
        return value.isoformat()
    is_plain = value is None or isinstance(value, str | int | float)
    return repr(value)[:_TEXT_MAX] if is_plain else type(value).__name__


def main() -> None:
    """Entry point; see above."""
    modules = json.load(sys.stdin)
    lines = (_FOLDER / "expressions.txt").read_text(encoding="utf-8").splitlines()
    found = given((_FOLDER / "preamble.txt").read_text(encoding="utf-8"), lines)
    json.dump({"names": named(modules), "expressions": found}, sys.stdout)


if __name__ == "__main__":
    main()
