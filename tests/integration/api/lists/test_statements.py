"""A list asks the database as often for many things as for one, and a thing by its name takes a few statements."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from structlog.contextvars import get_contextvars

from tests.integration.api.lists.listing import LISTINGS, Listing
from tests.integration.api.lists.world import A
from tradewind.db.pool import Database, Transaction

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOST: Final = 6
"""Statements of a request, with the one that has its transaction planned for its values."""

TRIGGER: Final = 2

NAMED: Final = (
    f"/dags/{A}",
    f"/dags/{A}/details",
    f"/dags/{A}/dagRuns/run_1",
    "/pools/default_pool",
    f"/dags/{A}/tasks",
)

Statement = Callable[..., Awaitable[Any]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many statements each request was worth, by its id; what services ask for themselves has none."""
    counted: Counter[str] = Counter()

    def counting(statement: Statement) -> Statement:
        async def ask(*arguments: Any) -> Any:
            counted[get_contextvars().get("request_id", "")] += 1
            return await statement(*arguments)

        return ask

    for kind in (Database, Transaction):
        for name in ("fetch", "fetch_row", "fetch_value"):
            monkeypatch.setattr(kind, name, counting(getattr(kind, name)))
    return counted


async def statements_of(client: httpx.AsyncClient, asked: Counter[str], path: str, **params: str) -> tuple[int, Any]:
    request_id = uuid4().hex
    answer = await client.get(f"/api/v2{path}", params=params, headers={"X-Request-Id": request_id})
    assert answer.status_code == 200, answer.text
    return asked[request_id], answer.json()


@pytest.mark.parametrize("name", LISTINGS)
async def test_more_things_are_no_more_statements(client: httpx.AsyncClient, asked: Counter[str], name: str) -> None:
    listing: Listing = LISTINGS[name]
    one, first = await statements_of(client, asked, listing.path, **{**listing.base, "limit": "1"})
    many, whole = await statements_of(client, asked, listing.path, **{**listing.base, "limit": "100"})
    assert len(first[listing.items]) == 1
    assert len(whole[listing.items]) > 1
    assert 0 < many <= one <= MOST, f"{one} for one, {many} for {len(whole[listing.items])}"


@pytest.mark.parametrize("path", NAMED)
async def test_a_thing_by_its_name_takes_few_statements(
    client: httpx.AsyncClient, asked: Counter[str], path: str
) -> None:
    await statements_of(client, asked, path)
    count, _ = await statements_of(client, asked, path)
    assert 0 < count <= 3


async def test_a_trigger_takes_few_statements(client: httpx.AsyncClient, asked: Counter[str]) -> None:
    """It is the first part of every run's way; the audit log's entry travels with the run."""
    request_ids = [uuid4().hex for _ in range(2)]  # the first also reads the DAG's version
    for request_id in request_ids:
        answer = await client.post(f"/api/v2/dags/{A}/dagRuns", json={}, headers={"X-Request-Id": request_id})
        assert answer.status_code == 200, answer.text
    assert 0 < asked[request_ids[-1]] <= TRIGGER
