"""Every parameter of every list does what Airflow's OpenAPI says: it is walked, so that none is forgotten."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.integration.api.lists.listing import LISTINGS, PAGING, Check, Item, Listing, checks_of
from tests.integration.api.lists.world import NAME, A
from tests.integration.api.test_openapi import airflows

_PLAIN = ("run_1 plain", "run_2 plain", "run_3 plain")
_MAPPED = {"run_1 mapped 0", "run_1 mapped 1"}

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def listed(client: httpx.AsyncClient, listing: Listing, params: Mapping[str, Any]) -> list[Item]:
    """The world's, of what the list shows."""
    found: list[Item] = []
    while True:  # a filter that leaves everything leaves what other tests have made, too
        page = {"limit": "100", "offset": str(len(found)), **listing.base, **params}
        answer = await client.get(f"/api/v2{listing.path}", params=page)
        assert answer.status_code == 200, f"{params}: {answer.text}"
        found += answer.json()[listing.items]
        if len(answer.json()[listing.items]) < int(page["limit"]) or "cursor" in params:
            return [item for item in found if NAME in str(item)]


def ids(listing: Listing, items: Sequence[Item]) -> list[str]:
    return [listing.id_of(item) for item in items]


def parameters(name: str) -> list[str]:
    return [key for place, key in airflows().parameters(name) if place == "query"]


def orders(name: str) -> list[str]:
    for parameter in airflows().operations[name].body["parameters"]:
        if parameter["name"] == "order_by":
            return parameter["description"].rpartition("Supported attributes: `")[2].rstrip("`").split(", ")
    return []


async def outcome(client: httpx.AsyncClient, listing: Listing, check: Check) -> str | None:
    """What is wrong; None = nothing."""
    found = frozenset(ids(listing, await listed(client, listing, {check.name: check.value})))
    if found != check.expected:
        return f"{check.name}={check.value!r} left {sorted(found)}, not {sorted(check.expected)}"
    return None


@pytest.mark.parametrize("name", LISTINGS)
async def test_every_filter_leaves_what_it_should(client: httpx.AsyncClient, name: str) -> None:
    listing = LISTINGS[name]
    items = await listed(client, listing, {})
    everything = frozenset(ids(listing, items))
    assert len(everything) == len(items) > 1
    wrong: list[str | None] = []
    for parameter in parameters(name):
        if parameter in PAGING or parameter in listing.elsewhere:
            continue
        checks = checks_of(listing, parameter, items)
        if all(check.expected == everything for check in checks) and parameter != "tags_match_mode":
            wrong.append(f"{parameter}: the world has nothing that it takes away")
        wrong += [await outcome(client, listing, check) for check in checks]
    assert [each for each in wrong if each] == []


@pytest.mark.parametrize("name", LISTINGS)
async def test_every_order_is_one(client: httpx.AsyncClient, name: str) -> None:
    listing = LISTINGS[name]
    everything = ids(listing, await listed(client, listing, {}))
    wrong: list[str] = []
    for order in orders(name):
        up = await listed(client, listing, {"order_by": [order]})
        down = await listed(client, listing, {"order_by": [f"-{order}"]})
        shown = listing.shown_as.get(order, order)
        if ids(listing, down) != ids(listing, up)[::-1] or sorted(ids(listing, up)) != sorted(everything):
            wrong.append(f"{order}: {ids(listing, up)} and back {ids(listing, down)}")
        if shown and not _is_sorted([listing.value_of(item, shown) for item in up]):
            wrong.append(f"{order}: {[listing.value_of(item, shown) for item in up]}")
    assert wrong == []


def _is_sorted(values: Sequence[object]) -> bool:
    """Null comes last; whether case matters, the database's locale says."""
    present: list[Any] = [value for value in values if value is not None]
    in_order = [sorted(present)]
    if present and isinstance(present[0], str):
        in_order.append(sorted(present, key=str.lower))
    return list(values[: len(present)]) == present and present in in_order


@pytest.mark.parametrize("name", LISTINGS)
async def test_pages_join_to_the_whole(client: httpx.AsyncClient, name: str) -> None:
    listing = LISTINGS[name]
    path, base = f"/api/v2{listing.path}", {**listing.base}
    whole = (await client.get(path, params={**base, "limit": "100"})).json()
    pieces: list[Any] = []
    for offset in range(0, whole["total_entries"], 2):
        piece = (await client.get(path, params={**base, "limit": "2", "offset": str(offset)})).json()
        assert piece["total_entries"] == whole["total_entries"]
        pieces += piece[listing.items]

    assert pieces == whole[listing.items]
    none = (await client.get(path, params={**base, "limit": "0"})).json()
    behind = (await client.get(path, params={**base, "offset": "100000"})).json()
    assert (none[listing.items], none["total_entries"]) == ([], whole["total_entries"])
    assert (behind[listing.items], behind["total_entries"]) == ([], whole["total_entries"])
    for params, status in (
        ({"limit": "-1"}, 422),
        ({"offset": "-1"}, 422),
        ({"limit": "x"}, 422),
        ({"order_by": "no_such_thing"}, 400),
        ({"order_by": [orders(name)[0]] * 11}, 400),
    ):
        assert (await client.get(path, params={**base, **params})).status_code == status, params


async def test_tasks_are_ordered_by_each_of_their_fields(client: httpx.AsyncClient) -> None:
    path = f"/api/v2/dags/{A}/tasks"
    fields = (
        *("task_id", "task_display_name", "owner", "start_date", "end_date", "trigger_rule", "depends_on_past"),
        *("wait_for_downstream", "retries", "queue", "pool", "pool_slots", "execution_timeout", "retry_delay"),
        *("retry_exponential_backoff", "priority_weight", "weight_rule", "ui_color", "ui_fgcolor", "operator_name"),
    )
    for field in fields:
        up = (await client.get(path, params={"order_by": field})).json()["tasks"]
        down = (await client.get(path, params={"order_by": f"-{field}"})).json()["tasks"]
        assert len(up) == len(down) == 2, field
        if up[0][field] != up[1][field]:
            assert ([each["task_id"] for each in down], _is_sorted([each[field] for each in up])) == (
                [each["task_id"] for each in up][::-1],
                True,
            ), field
    for wrong in ("params", "is_mapped", "no_such_field"):
        assert (await client.get(path, params={"order_by": wrong})).status_code == 400, wrong


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("get_dag_runs", f"/dags/{A}/dagRuns", {"run_1", "run_2", "run_3"}),
        ("get_task_instances", f"/dags/{A}/dagRuns/~/taskInstances", {f"{each} -1" for each in _PLAIN} | _MAPPED),
        ("get_task_instances", f"/dags/{A}/dagRuns/run_1/taskInstances", {"run_1 plain -1"} | _MAPPED),
        ("get_hitl_details", f"/dags/{A}/dagRuns/~/hitlDetails", {f"{each} -1" for each in _PLAIN} | _MAPPED),
        ("get_hitl_details", f"/dags/{A}/dagRuns/run_1/hitlDetails", {"run_1 plain -1"} | _MAPPED),
        ("get_xcom_entries", f"/dags/{A}/dagRuns/~/taskInstances/~/xcomEntries", {f"key_{n}" for n in (1, 2, 3, 4, 6)}),
        ("get_xcom_entries", "/dags/~/dagRuns/run_1/taskInstances/~/xcomEntries", {"key_1", "key_2", "key_3"}),
        ("get_xcom_entries", "/dags/~/dagRuns/run_1/taskInstances/plain/xcomEntries", {"key_1"}),
    ],
)
async def test_the_path_narrows_a_list(client: httpx.AsyncClient, name: str, path: str, expected: set[str]) -> None:
    listing = replace(LISTINGS[name], path=path)
    assert set(ids(listing, await listed(client, listing, {}))) == expected


@pytest.mark.parametrize("name", ["get_dag_runs", "get_task_instances"])
async def test_cursors_walk_each_order_there_and_back(client: httpx.AsyncClient, name: str) -> None:
    listing = LISTINGS[name]
    for order in orders(name):
        for key in (order, f"-{order}"):
            whole = ids(listing, await listed(client, listing, {"order_by": [key, "id"]}))
            there = await _walk(client, listing, [key, "id"], "", "next_cursor")
            back = await _walk(client, listing, [key, "id"], there[-1]["previous_cursor"], "previous_cursor")
            pages = [ids(listing, page[listing.items]) for page in there]
            before = [ids(listing, page[listing.items]) for page in reversed(back)]
            assert len(pages) > 1
            assert [each for page in pages for each in page] == whole, key
            assert [each for page in before for each in page] + pages[-1] == whole, key


async def _walk(
    client: httpx.AsyncClient, listing: Listing, order_by: Sequence[str], cursor: str | None, direction: str
) -> list[dict[str, Any]]:
    """Answers, from the cursor on to the end of the list."""
    answers: list[dict[str, Any]] = []
    while cursor is not None and len(answers) < 10:
        asked = {**listing.base, "order_by": order_by, "limit": "3", "cursor": cursor}
        answers.append((await client.get(f"/api/v2{listing.path}", params=asked)).json())
        cursor = answers[-1][direction]
    return answers
