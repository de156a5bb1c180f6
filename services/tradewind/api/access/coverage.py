"""Proves, before the first request, that every route has its line in the table and the guard that the line asks for."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from fastapi import FastAPI

from tradewind.api.access.guard import require_access, visible, watch_login
from tradewind.api.access.rules import Dags, Door, Rule
from tradewind.api.access.table import OPERATIONS
from tradewind.api.dependencies import require_attempt, require_reader
from tradewind.api.execution.speaking import require_lease, require_workload
from tradewind.core.errors import ConfigError

GUARDS: Final[dict[Door, Callable[..., Any]]] = {
    Door.LOGGED_IN: require_access,
    Door.RIGHT: require_access,
    Door.ATTEMPT: require_attempt,
    Door.WORKLOAD: require_workload,
    Door.LEASE: require_lease,
    Door.READER: require_reader,
}


def check_coverage(app: FastAPI) -> None:
    """Raises `ConfigError` naming what is served without a line, or without the guard of its line."""
    wrong = [problem for route in routes_of(app.routes) for problem in _problems(route)]
    if wrong:
        raise ConfigError("; ".join(wrong))


def routes_of(routes: Iterable[Any]) -> Iterator[Any]:
    """Every route, those of included routers one by one."""
    for route in routes:
        inner = getattr(route, "effective_route_contexts", None)
        if inner is None:
            yield route
        else:
            yield from routes_of(inner())


def _problems(route: Any) -> Iterator[str]:
    rule = OPERATIONS.get(route.name)
    if rule is None:
        yield f"the operation {route.name!r} ({route.path}) has no line in tradewind/api/access/table.py"
        return
    wanted, calls = _guard(rule), set(_calls(getattr(route, "dependant", None)))
    if wanted is not None and wanted not in calls:
        yield f"the operation {route.name!r} ({route.path}) is not guarded as its line says: {rule.door.name}"
    if rule.dags is Dags.LIST and not any(call is visible or getattr(call, "narrows", False) for call in calls):
        yield f"the operation {route.name!r} ({route.path}) does not ask which DAGs it may speak of"


def _guard(rule: Rule) -> Callable[..., Any] | None:
    return watch_login if rule.door is Door.OPEN and rule.is_change else GUARDS.get(rule.door)


def _calls(dependant: Any) -> Iterator[Any]:
    """Functions that are called for a request; none of routes that FastAPI makes itself."""
    if dependant is None:
        return
    yield dependant.call
    for inner in dependant.dependencies:
        yield from _calls(inner)
