"""The API's statements: each parses; those that tasks and polling clients ask go through indexes; a list that is asked
for one DAG or run reads only that."""

import json
from collections.abc import AsyncGenerator, Generator, Iterable
from typing import Any, Final, cast

import pytest

from tests.integration.test_query_plans import FILL, LARGE, plan_of
from tests.servers.postgres import PostgresServer
from tradewind.db.api.pages import ordered_statement, sort_expressions
from tradewind.db.pool import Database, open_pool
from tradewind.db.statements import FOLDER, statement
from tradewind.service.clock import utc_now

NAMES: Final = sorted(path.stem for path in FOLDER.glob("api_*.sql"))
LISTS: Final = [name for name in NAMES if sort_expressions(name)]

OF_ALL_DAGS: Final = ("api_list_dag_stats",)
"""Not pages, but may be asked about every DAG that there is."""
POINTS: Final = [name for name in NAMES if name not in (*LISTS, *OF_ALL_DAGS)]

ONE_DAG: Final = {"dag_id": "dag_7"}
ONE_RUN: Final = {"dag_id": "dag_7", "run_id": "run_6"}
NARROW: Final[list[tuple[str, dict[str, object], int]]] = [
    ("api_list_dag_runs", {**ONE_DAG}, 3),
    ("api_list_dag_runs", {**ONE_DAG, "state": ["success"], "run_after_gte": "2020-01-01T00:00:00Z"}, 3),
    ("api_list_task_instances", {**ONE_RUN}, 3),
    ("api_list_task_instances", {**ONE_RUN, "state": ["success"], "task_id": "task_1"}, 3),
    ("api_list_task_instances", {**ONE_DAG}, 3),
    ("api_list_xcoms", {**ONE_RUN, "task_id": "task_1"}, 0),
    ("api_list_xcoms", {**ONE_RUN}, 0),
]
"""(list, its filters, how many parameters follow limit and offset)."""


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
async def test_every_order_of_a_list_is_valid(database: Database, name: str) -> None:
    for number, key in enumerate(sort_expressions(name)):
        for order_by in ([key], [f"-{key}", "id" if "id" in sort_expressions(name) else key]):
            await database.fetch(
                f"PREPARE ordered_{name}_{number}{len(order_by)} AS {ordered_statement(name, order_by)}"
            )


@pytest.mark.parametrize(("name", "filters", "more"), NARROW)
async def test_a_narrow_list_reads_no_large_table_whole(
    database: Database, name: str, filters: dict[str, object], more: int
) -> None:
    nodes = await _planned_for_values(database, name, filters, more)

    scans = [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"]
    assert [table for table in scans if table in LARGE and table not in ("dag", "dag_version")] == []
    largest = max(node.get("Actual Rows", 0) * node.get("Actual Loops", 1) for node in nodes)
    assert largest <= 2_000, f"{largest} rows were looked at"


async def _planned_for_values(
    database: Database, name: str, filters: dict[str, object], more: int
) -> list[dict[str, Any]]:
    """The nodes of the plan as the API runs the list, with what they met."""
    values: list[object] = [filters, 50, 0, *([None, None, utc_now()][:more])]
    async with database.transaction(readonly=True) as session:
        await session.fetch(statement("api_plan_for_values"))
        text = await session.fetch_value(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement(name)}", *values)
    plans = json.loads(text) if isinstance(text, str) else text
    return list(_nodes(cast("list[dict[str, dict[str, Any]]]", plans)[0]["Plan"]))


def _nodes(node: dict[str, Any]) -> Iterable[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)
