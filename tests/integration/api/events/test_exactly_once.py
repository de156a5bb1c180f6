"""Every change once, in the order of its row, whatever overlaps: transactions that begin, wait for each other, are
taken back and commit in any order, and readers that read in small pages and know nothing but their last id."""

import asyncio
import random
from collections import defaultdict

import httpx
import pytest

from tests.dag_specs import dag, task
from tests.servers.scene import Scene
from tradewind.api.events.changes import changes_of, end_of
from tradewind.api.events.position import id_of, place_of
from tradewind.db.api.changes import first_place, list_changes
from tradewind.db.pool import Database

pytestmark = pytest.mark.asyncio(loop_scope="session")

RUNS, WRITERS, TRANSACTIONS = 6, 4, 25
TURN = "UPDATE dag_run SET state = CASE state WHEN 'queued' THEN 'failed' ELSE 'queued' END WHERE id = $1"


class TakenBackError(Exception):
    """On purpose."""


async def write(database: Database, dag_run_ids: list[int], seed: int) -> None:
    """Transactions over one to three runs each, with pauses between the statements; a fifth of them are taken back."""
    chance = random.Random(seed)
    for _ in range(TRANSACTIONS):
        try:
            async with database.transaction() as session:
                for dag_run_id in sorted(chance.sample(dag_run_ids, chance.randint(1, 3))):
                    await session.fetch(TURN, dag_run_id)
                    await session.fetch("SELECT pg_sleep($1)", chance.choice([0, 0.001, 0.004]))
                if chance.random() < 0.2:
                    raise TakenBackError
        except TakenBackError:
            pass


async def read(database: Database, begin: str, limit: int, is_over: asyncio.Event) -> list[tuple[str, str]]:
    """(run, state), until everything is read once it is over; each page by what the id of its last event says."""
    told, event_id = list[tuple[str, str]](), begin
    while True:
        was_over, place = is_over.is_set(), place_of(event_id)
        page = await list_changes(database, place, limit)
        assert page.is_kept
        changes = changes_of(page, place)
        told += [(change.dag_run_id, change.state) for change in changes]
        event_id = id_of(changes[-1].place if changes and len(told) % 2 else end_of(page, place))
        if not changes and was_over and place.upto is None:
            return told


@pytest.mark.parametrize("seed", [1, 2])
async def test_readers_get_every_change_once_and_in_order(
    client: httpx.AsyncClient, scene: Scene, dag_id: str, seed: int
) -> None:
    await scene.write_dag(dag(task("t"), dag_id=dag_id))
    for number in range(RUNS):
        answer = await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": f"r{number}"})
        assert answer.status_code == 200, answer.text
    rows = await scene.database.fetch("SELECT id FROM dag_run WHERE dag_id = $1", dag_id)
    begin, is_over = id_of(await first_place(scene.database)), asyncio.Event()
    async with asyncio.TaskGroup() as readers:
        reading = [readers.create_task(read(scene.database, begin, n, is_over), name=f"reader {n}") for n in (1, 3, 50)]
        async with asyncio.TaskGroup() as writers:
            for number in range(WRITERS):
                work = write(scene.database, [row["id"] for row in rows], seed * 100 + number)
                writers.create_task(work, name=f"writer {number}")
        is_over.set()

    noted = await scene.database.fetch(
        "SELECT r.run_id, c.state FROM state_change c JOIN dag_run r ON r.id = c.dag_run_id WHERE r.dag_id = $1"
        " ORDER BY c.seq OFFSET $2",
        dag_id,
        RUNS,
    )
    expected = by_run([(row["run_id"], row["state"]) for row in noted])
    assert sum(map(len, expected.values())) > TRANSACTIONS
    for reader in reading:
        assert by_run(reader.result()) == expected


def by_run(told: list[tuple[str, str]]) -> dict[str, list[str]]:
    """The states of each run, in order: they take turns, so that none can be missing or doubled unseen."""
    states = defaultdict[str, list[str]](list)
    for run_id, state in told:
        states[run_id].append(state)
    for run_states in states.values():
        assert run_states == ["failed" if n % 2 == 0 else "queued" for n in range(len(run_states))]
    return dict(states)
