"""The API's statements: each parses; those that tasks and polling clients ask go through indexes; a list that is asked
for one DAG or run reads only that."""

import json
from collections.abc import AsyncGenerator, Generator, Iterable
from datetime import UTC, datetime
from typing import Any, Final, cast

import pytest

from tests.integration.test_query_plans import FILL, LARGE, plan_of
from tests.servers.postgres import PostgresServer
from tradewind.db.api.pages import (
    EXACT_COUNT,
    Composed,
    PageRequest,
    count_statement,
    fetch_page,
    filter_predicates,
    page_statement,
    sort_expressions,
)
from tradewind.db.pool import Database, open_pool
from tradewind.db.statements import FOLDER, statement
from tradewind.service.clock import utc_now

NAMES: Final = sorted(path.stem for path in FOLDER.glob("api_*.sql"))
LISTS: Final = [name for name in NAMES if sort_expressions(name)]

OF_ALL_DAGS: Final = ("api_list_dag_stats",)
"""Not pages, but may be asked about every DAG that there is."""
KEYSET: Final = ("api_list_dag_runs", "api_list_task_instances")

FRAMES: Final = ("api_count_listed",)
"""No statements until a list is put into them."""
POINTS: Final = [name for name in NAMES if name not in (*LISTS, *OF_ALL_DAGS, *FRAMES)]

ONE_DAG: Final = {"dag_id": "dag_7"}
ONE_RUN: Final = {"dag_id": "dag_7", "run_id": "run_6"}
SINCE: Final = datetime(2020, 1, 1, tzinfo=UTC)
NARROW: Final[list[tuple[str, dict[str, object]]]] = [
    ("api_list_dag_runs", {**ONE_DAG}),
    ("api_list_dag_runs", {**ONE_DAG, "state": ["success"], "run_after_gte": SINCE}),
    ("api_list_dag_runs", {"visible_dag_ids": ["dag_7", "dag_9"]}),
    ("api_list_task_instances", {"visible_dag_ids": ["dag_7"]}),
    ("api_list_task_instances", {"of_run": 7}),
    ("api_list_task_instances", {"of_run": 7, "state": ["success"], "task_id": "task_1"}),
    ("api_list_task_instances", {**ONE_DAG}),
    ("api_list_xcoms", {**ONE_RUN, "task_id": "task_1"}),
    ("api_list_xcoms", {**ONE_RUN}),
]


@pytest.fixture(scope="module")
def url(postgres: PostgresServer) -> Generator[str]:
    """A database with 300,000 task instances."""
    with postgres.new_database() as database_url:
        for part in (*FILL.split(";\n"), "ANALYZE"):
            postgres.run(_execute(database_url, part))
        yield database_url


async def _execute(url: str, sql: str) -> None:
    async with open_pool(url, 1) as database:
        if sql.strip():
            await database.fetch(sql)


@pytest.fixture
async def database(url: str) -> AsyncGenerator[Database]:
    async with open_pool(url, 1) as opened:
        yield opened


@pytest.mark.parametrize("name", POINTS)
async def test_what_is_asked_by_name_is_found_by_an_index(database: Database, name: str) -> None:
    nodes = await plan_of(database, name)

    scans = [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"]
    assert [table for table in scans if table in LARGE] == []


@pytest.mark.parametrize("name", LISTS)
async def test_every_order_and_filter_of_a_list_is_valid(database: Database, name: str) -> None:
    """By offset, and after and before a row where the list has ids to stand on."""
    keys, filters = list(sort_expressions(name)), tuple(filter_predicates(name))
    statements = [page_statement(name, filters), count_statement(name, filters), count_statement(name)]
    statements += [page_statement(name, (each,)) for each in filters if each != "is_favorite"]
    for key in keys:
        statements += [page_statement(name, (), (key,)), page_statement(name, (), (f"-{key}", keys[0]))]
        if name in KEYSET:
            statements += [
                page_statement(name, filters, (f"-{key}",), continues=True, backwards=is_backwards)
                for is_backwards in (False, True)
            ]
    for number, each in enumerate(statements):
        await database.fetch(f"PREPARE {name}_{number} AS {each.text}")


@pytest.mark.parametrize(("name", "filters"), NARROW)
async def test_a_narrow_list_reads_no_large_table_whole(
    database: Database, name: str, filters: dict[str, object]
) -> None:
    for asked in (page_statement(name, tuple(filters)), count_statement(name, tuple(filters))):
        nodes = await _planned_for_values(database, asked, filters)

        scans = [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"]
        assert [table for table in scans if table in LARGE and table not in ("dag", "dag_version")] == []
        largest = max(node.get("Actual Rows", 0) * node.get("Actual Loops", 1) for node in nodes)
        assert largest <= 2_000, f"{largest} rows were looked at"


async def _planned_for_values(database: Database, asked: Composed, filters: dict[str, object]) -> list[dict[str, Any]]:
    """The nodes of the plan as the API runs the list, with what they met."""
    values: dict[str, object] = {"limit": 50, "offset": 0, "most": 10_000, "now": utc_now()}
    values |= {f"filter_{key}": value for key, value in filters.items()}
    explained = Composed(f"EXPLAIN (ANALYZE, FORMAT JSON) {asked.text}", asked.names)
    async with database.transaction(readonly=True) as session:
        await session.fetch(statement("api_plan_for_values"))
        [row] = await explained.fetch(session, values)
    plans = json.loads(row[0]) if isinstance(row[0], str) else row[0]
    return list(_nodes(cast("list[dict[str, dict[str, Any]]]", plans)[0]["Plan"]))


def _nodes(node: dict[str, Any]) -> Iterable[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


async def test_the_total_of_a_long_list_is_exact_and_its_last_page_is_there(database: Database) -> None:
    [[entries]] = await database.fetch("SELECT count(*) FROM task_instance")
    assert entries > EXACT_COUNT
    first = await fetch_page(database, "api_list_task_instances", {}, PageRequest(limit=2), {"now": utc_now()})
    last_of_all = PageRequest(limit=2, offset=entries - 1)
    last = await fetch_page(database, "api_list_task_instances", {}, last_of_all, {"now": utc_now()})
    behind = PageRequest(limit=2, offset=entries)
    none = await fetch_page(database, "api_list_task_instances", {}, behind, {"now": utc_now()})
    assert [page.total_entries for page in (first, last, none)] == [entries] * 3
    assert [len(page.rows) for page in (first, last, none)] == [2, 1, 0]
