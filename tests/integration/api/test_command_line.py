"""Commands that ask the API: the same words over the database here and over HTTP say the same and end alike."""

import asyncio
import getpass
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import pytest
import pytest_asyncio

from tests.dag_specs import dag, task
from tests.servers.api import ApiServer
from tests.servers.command_line import Done, run_commands
from tests.servers.postgres import PostgresServer
from tests.servers.scene import Scene
from tradewind.core.spec import TimetableSpec
from tradewind.core.states import Outcome

pytestmark = pytest.mark.asyncio(loop_scope="session")

ONE = task("one", retries=0)
TWO = task("two", "one")
RUN: Final = ("twin_X", "run")

READS: Final = (
    "dags list --columns dag_id,is_paused,owners",
    "dags list -o json --columns dag_id,tags,no_such_thing",
    "dags list-import-errors -o plain",
    "dags list-runs twin_X",
    "dags list-runs twin_X --state failed -o yaml",
    "dags list-runs -d twin_X --no-backfill --start-date 2024-02-03 -e 2024-02-03",
    "dags list-runs nothing",
    "dags state twin_X run",
    "dags state twin_X 2024-02-03",
    "dags state twin_X never",
    "dags state nothing run",
    "dags details twin_X -o yaml",
    "dags show twin_X",
    "dags show-dependencies",
    "dags report --bundle-name nowhere",
    "dags next-execution twin_X -n 2",
    "dags delete nothing --yes",
    "tasks list twin_X",
    "tasks list nothing",
    "tasks state twin_X one run",
    "tasks state twin_X three run",
    "tasks states-for-dag-run twin_X run",
    "tasks failed-deps twin_X two run",
    "tasks why twin_X three run",
    "backfill list --dag-id twin_X",
    "backfill create --dag-id twin_X --from-date 2024-01-01 --to-date 2024-01-03 --dry-run",
    "backfill pause 4711",
    "assets list -o json",
    "assets details --name nothing",
    "assets materialize --uri nothing",
    "users list --output plain",
    "tokens list --all",
    "tokens revoke nothing",
    "workers list",
    "workers attempts",
    "workers queues",
    "jobs check --hostname nowhere",
    "jobs list -o plain",
    "dags list-jobs --state running --limit 3",
    "providers list",
    "providers get nothing",
    "plugins -o yaml",
    "variables list",
    "connections list",
    "pools list",
    "tasks render twin_X one never",
)
CHANGES: Final = (
    "dags trigger twin_X -r mine -c {'a':1} -l 2024-02-03T01:02:03.456 -o json",
    "dags trigger twin_X -r mine",
    "dags trigger twin_X -c [1]",
    "dags clear twin_X --run-id run -y",
    "dags clear twin_X",
    "partitions clear -d twin_X -r run --dry-run",
    "partitions clear -d twin_X",
    "dags reserialize --bundle-name nowhere",
    "assets details",
    "users delete -y",
    "dags pause twin_X -o json",
    "dags pause twin_X",
    "dags unpause ^twin_X$ --treat-dag-id-as-regex",
    "dags unpause ^twin_X$ --treat-dag-id-as-regex -y",
    "tasks clear twin_X -t two -y",
    "tasks clear twin_X",
    "backfill create --dag-id twin_X --from-date 2024-01-01 --to-date 2024-01-02",
    "users create -u mrs_X -r Viewer -p twelve-letters -e x@example.org",
    "users create -u mrs_X -r Viewer -p twelve-letters",
    "users set-role -u mrs_X -r Op",
    "users set-password -u mrs_X -p other-twelve-letters",
    "users deactivate -u mrs_X",
    "tokens create for_X -u mrs_X --action read -o json",
    "tokens revoke for_X -y",
    "users delete -e x@example.org",
    "users delete -u mrs_X -y",
    "dags delete twin_X",
    "dags delete twin_X -y",
)
COMMANDS: Final = (*READS, *CHANGES)
FEW: Final = (
    "dags list-runs twin_X",
    "dags details twin_X -o yaml",
    "dags state twin_X never",
    "dags state nothing run",
    "tasks failed-deps twin_X two run",
    "dags trigger twin_X -r mine -c {'a':1} -l 2024-02-03T01:02:03.456 -o json",
    "tokens revoke nothing",
    "dags pause twin_X",
)
"""One of each kind: each command here begins an application, which takes a fifth of a second."""

Said = Mapping[str, tuple[Done, Done]]
"""What each command says from afar and from here."""


def words(command: str, side: str) -> list[str]:
    return [word.replace("X", side).replace("'", '"') for word in command.split()]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def few_said(api: ApiServer, postgres: PostgresServer) -> Said:
    return await _said(api, postgres, [FEW], ("a", "b"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def all_said(api: ApiServer, postgres: PostgresServer) -> Said:
    return await _said(api, postgres, [READS, CHANGES], ("c", "d"))


async def _said(
    api: ApiServer, postgres: PostgresServer, phases: Sequence[Sequence[str]], sides: Sequence[str]
) -> Said:
    """Each side has a DAG and a user of its own. What one changes the other sees in the next phase only."""
    for side in sides:
        await _prepare(api, f"twin_{side}")
    for table in ("worker", "scheduler"):  # who is alive must not change between two sides
        aged = "renewed_at = renewed_at - interval '1 hour', renewed_at_tick = renewed_at_tick - 3600"
        await api.database.fetch(f"UPDATE {table} SET {aged}")
    database = str(await api.database.fetch_value("SELECT current_database()"))
    far = {"TRADEWIND_API_URL": api.url, "TRADEWIND_API_TOKEN": api.token, "TRADEWIND__HOME": "/nowhere"}
    near = {"TRADEWIND__DATABASE__URL": postgres.url_of(database), "TRADEWIND__HOME": str(api.settings.home)}
    said: dict[str, tuple[Done, Done]] = {}
    for commands in phases:
        async with asyncio.TaskGroup() as group:
            from_afar, from_here = (
                group.create_task(asyncio.to_thread(run_commands, [words(each, side) for each in commands], own))
                for side, own in zip(sides, (far, near), strict=True)
            )
        said.update(zip(commands, zip(from_afar.result(), from_here.result(), strict=True), strict=True))
    return said


async def _prepare(api: ApiServer, dag_id: str) -> None:
    scene = Scene(api.database)
    daily = TimetableSpec(kind="cron_trigger", data={"expression": "0 0 * * *", "timezone": "UTC"})
    await scene.write_dag(replace(dag(ONE, TWO, dag_id=dag_id), timetable=daily))
    body = {"dag_run_id": "run", "logical_date": "2024-02-03T00:00:00Z", "conf": {"given": [1, "zwei"]}}
    answer = await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)
    assert answer.status_code == 200, answer.text
    (run,) = await scene.start_runs(dag_id)
    await scene.end_attempt(await scene.start_attempt(run, ONE), Outcome.SUCCESS)
    await scene.add_task_instances(run, TWO)


def told(done: Done) -> tuple[int, Sequence[str], Sequence[str]]:
    return done.code, _lines(done.out), _lines(done.err)


def _lines(text: str) -> Sequence[str]:
    """Without what differs between two moments, two DAGs and two users, and without the widths that follow from it."""
    text = re.sub(r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z|\+00:00)?", "TIME", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|[0-9a-f]{64}|ey[\w-]+\.[\w.-]+", "ID", text)
    text = re.sub(r"\btw_\w+|\b(twin|mrs|for)_[abcd]\b", r"\1_X", text)
    text = re.sub(rf"\b(ada|{re.escape(getpass.getuser())})\b", "USER", text)
    text = re.sub(r"\d+\.\d+( s)?|\b\d{1,3} s\b|^\d+(?= +\| twin)", "NUMBER", text, flags=re.MULTILINE)
    return [re.sub(r"[ =─-]{2,}", " ", line).rstrip() for line in text.splitlines()]


@pytest.mark.parametrize("command", FEW)
async def test_here_and_from_afar_alike(few_said: Said, command: str) -> None:
    _check_alike(few_said[command])


@pytest.mark.full
@pytest.mark.parametrize("command", COMMANDS)
async def test_all_commands_are_alike_here_and_from_afar(all_said: Said, command: str) -> None:
    _check_alike(all_said[command])


def _check_alike(done: tuple[Done, Done]) -> None:
    from_afar, from_here = done
    assert told(from_here) == told(from_afar)
    assert "Traceback" not in from_here.err + from_afar.err


async def test_what_commands_say_is_what_is_so(api: ApiServer, few_said: Said) -> None:
    for place in (0, 1):
        said = {command: done[place] for command, done in few_said.items()}
        assert said["dags list-runs twin_X"].out.splitlines()[2].split()[2:5:2] == ["run", "running"]
        assert "conf" not in said["dags details twin_X -o yaml"].out
        assert (said["dags state twin_X never"].code, said["dags state twin_X never"].out) == (0, "None\n")
        assert (said["dags state nothing run"].code, said["dags state nothing run"].out) == (1, "")
        assert "'nothing' was not found" in said["dags state nothing run"].err
        (run,) = json.loads(next(done.out for command, done in said.items() if " trigger " in command))
        assert (run["conf"], run["logical_date"], run["state"]) == ({"a": 1}, "2024-02-03T01:02:03Z", "queued")
        assert "'tradewind tokens list'" in said["tokens revoke nothing"].err.replace("`", "'")
        assert said["dags pause twin_X"].code == 0
    for side in "ab":
        dag = (await api.client.get(f"/api/v2/dags/twin_{side}")).json()
        run = (await api.client.get(f"/api/v2/dags/twin_{side}/dagRuns/mine")).json()
        assert (dag["is_paused"], run["triggered_by"]) == (True, "cli")
