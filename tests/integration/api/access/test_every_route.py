"""Every route of the application, with every role and with narrow tokens, against the table of rights."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI

from tests.integration.api.access.conftest import As, Narrowed, filled, methods_of
from tests.servers.api import ApiServer
from tradewind.api.access.coverage import check_coverage
from tradewind.api.access.guard import require_access
from tradewind.api.access.rights import ROLE_RIGHTS, Action
from tradewind.api.access.rules import Dags, Door, Rule
from tradewind.api.access.table import OPERATIONS
from tradewind.core.errors import ConfigError

pytestmark = pytest.mark.asyncio(loop_scope="session")

ACTS_WITHOUT_A_BODY = ("create_default_connections",)
"""Would do what it says, for all the tests of this server: here only those are sent who are refused."""


async def status_of(client: httpx.AsyncClient, method: str, path: str) -> int:
    """Of the answer, which may have no end."""
    async with client.stream(method, path) as answer:
        return answer.status_code


def guarded(routes: list[Any]) -> Iterator[tuple[str, str, str, Rule]]:
    """Operation id, method, path, rule."""
    for route in routes:
        rule = OPERATIONS[route.name]
        if rule.door in (Door.RIGHT, Door.LOGGED_IN):
            for method in methods_of(route):
                yield route.name, method, filled(route.path), rule


async def test_every_operation_has_a_line_and_every_line_an_operation(routes: list[Any]) -> None:
    served = {route.name for route in routes}

    assert served - set(OPERATIONS) == set()
    assert set(OPERATIONS) - served == set()
    assert all((rule.right is not None) == (rule.door is Door.RIGHT) for rule in OPERATIONS.values())


async def test_a_route_without_a_line_or_without_its_guard_is_not_served() -> None:
    router = APIRouter()

    @router.get("/new")
    async def something_new() -> None: ...

    @router.get("/dags/{dag_id}")
    async def get_dag(dag_id: str) -> None: ...

    @router.get("/dags", dependencies=[Depends(require_access)])
    async def get_dags() -> None: ...

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(router)

    with pytest.raises(ConfigError) as raised:
        check_coverage(app)

    no_line, no_guard, not_narrowed = str(raised.value).split("; ")
    assert "'something_new'" in no_line
    assert "has no line" in no_line
    assert "'get_dag' (/dags/{dag_id}) is not guarded as its line says: RIGHT" in no_guard
    assert "'get_dags' (/dags) does not ask which DAGs it may speak of" in not_narrowed


@pytest.mark.parametrize(
    "role",
    [
        "Admin",
        "Viewer",
        "Public",
        pytest.param("Op", marks=pytest.mark.full),
        pytest.param("User", marks=pytest.mark.full),
    ],
)
async def test_every_route_with_every_role(
    api: ApiServer, log_in_as: As, routes: list[Any], role: str, dag_id: str
) -> None:
    """Refused exactly where the role has not the right, and every change that was asked for is in the audit log."""
    client = await log_in_as(dag_id, role)
    wrong: list[tuple[str, int]] = []
    asked: set[str] = set()
    for name, method, path, rule in guarded(routes):
        may = rule.right is None or rule.right in ROLE_RIGHTS[role]
        if may and name in ACTS_WITHOUT_A_BODY:
            continue
        status = await status_of(client, method, path)
        asked |= {name} if rule.is_change and not rule.has_dry_run else set()
        # 403 has other reasons, too, where somebody may: their own token, a setting.
        if status in (401, 500) or (not may and status != 403) or (may and status == 403 and rule.right is not None):
            wrong.append((f"{method} {path}", status))

    logged = await api.database.fetch("SELECT DISTINCT event FROM event_log WHERE owner = $1", dag_id)
    assert [each for each in wrong if each[0] not in REFUSED_BY_SETTINGS] == []
    assert {row["event"] for row in logged} == asked


REFUSED_BY_SETTINGS = (
    *("GET /api/v2/config", "GET /api/v2/config/section/section/option/option"),
    *("POST /api/v2/connections/test", "POST /api/v2/connections/enqueue-test"),
)
"""403 for everybody unless the settings say otherwise."""


USERS = ("list_users", "get_user")
"""For people only, not for narrow tokens."""


async def test_roles_are_airflows(routes: list[Any]) -> None:
    """What the documents of Airflow's roles say, by paths instead of by the table."""
    for name, method, path, rule in guarded(routes):
        if rule.right is None:
            continue
        may = {role for role, rights in ROLE_RIGHTS.items() if rule.right in rights}
        assert may == _expected(method, path, reads=rule.right.action is Action.READ), name


def _expected(method: str, path: str, *, reads: bool) -> set[str]:
    everybody, staff, ops = {"Viewer", "User", "Op", "Admin"}, {"User", "Op", "Admin"}, {"Op", "Admin"}
    place = path.removeprefix("/api/v2/").split("/")[0]
    if path.startswith("/auth/") or place == "eventLogs":
        return {"Admin"}
    if place in ("variables", "connections", "config", "plugins", "providers", "webhooks"):
        return ops
    if reads:
        return everybody
    if place in ("pools", "workers") or "xcomEntries" in path:
        return ops
    if (place == "assets" and method in ("DELETE", "PUT")) or "queuedEvents" in path:
        return ops
    return staff


async def test_a_reading_token_only_reads(narrowed: Narrowed, routes: list[Any]) -> None:
    reader = await narrowed(actions=["read"])
    wrong: list[tuple[str, int]] = []
    for name, method, path, rule in guarded(routes):
        status = await status_of(reader, method, path)
        is_read = not rule.is_change and (rule.right is None or rule.right.action is Action.READ)
        if (status == 403) == is_read and f"{method} {path}" not in REFUSED_BY_SETTINGS and name not in USERS:
            wrong.append((name, status))

    assert wrong == []


async def test_a_token_for_some_dags_opens_nothing_that_names_no_dag(narrowed: Narrowed, routes: list[Any]) -> None:
    client = await narrowed(dag_patterns=["none_is_called_so_*"])
    opened = [
        name
        for name, method, path, rule in guarded(routes)
        if rule.right is not None and rule.dags is not Dags.LIST and await status_of(client, method, path) != 403
    ]

    assert opened == []
