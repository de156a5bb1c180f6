"""`tradewind db clean`, `export-archived` and `drop-archived`, and what they say."""

import csv
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.integration.cli.test_commands import tradewind
from tests.integration.retention.conftest import NOW as MOMENT
from tests.integration.retention.conftest import XCOM, Past, new_dag
from tradewind.cli.app import create_app
from tradewind.db.pool import Database, open_pool

BEFORE = "--clean-before-timestamp=2026-10-20"


@pytest.fixture
async def database(database_url: str) -> AsyncGenerator[Database]:
    async with open_pool(database_url, 1) as opened:
        yield opened


@pytest.fixture
async def past(database: Database) -> Past:
    """Of its two runs one is old."""
    past = await new_dag(database, "d")
    old, _ = await past.run(50), await past.run(3)
    await database.fetch(XCOM, old, "k", MOMENT)
    return past


async def test_what_is_old_goes_and_is_archived_until_it_is_exported(
    past: Past, database_url: str, tmp_path: Path
) -> None:
    settings = {"TRADEWIND__DATABASE__URL": database_url, "TRADEWIND__HOME": str(tmp_path)}
    old, young = await past.runs()

    dry = tradewind("db", "clean", BEFORE, "--dry-run", **settings)
    assert (dry.returncode, dry.stderr) == (0, "")
    assert dry.stdout.splitlines()[:2] == ["dag_run: 1 would go", "task_instance_history: 0 would go"]
    assert await past.runs() == [old, young]

    done = tradewind("db", "clean", BEFORE, "--yes", "--tables", "dag_run,job", **settings)
    assert (done.returncode, done.stdout) == (0, "dag_run: 1 deleted\n")
    assert done.stderr == "job: nothing to clean, what is in it is current or expires\n"
    assert await past.runs() == [young]

    folder = tmp_path / "exported"
    folder.mkdir()
    exported = tradewind(
        "db", "export-archived", "--output-path", str(folder), "-t", "xcom", "--drop-archives", "-y", **settings
    )
    assert exported.stdout == f"xcom: 1 rows written to {folder / 'xcom.csv'} and dropped\n"
    with (folder / "xcom.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["dag_run_id"], row["key"]) for row in rows] == [(str(old), "k")]

    dropped = tradewind("db", "drop-archived", "-y", **settings)
    assert dropped.stdout == "dag_run: 1 rows dropped\ntask_instance: 1 rows dropped\n"


async def test_nothing_need_be_archived_and_what_fails_is_told(
    past: Past, database: Database, database_url: str, tmp_path: Path
) -> None:
    settings = {"TRADEWIND__DATABASE__URL": database_url, "TRADEWIND__HOME": str(tmp_path)}
    old, _ = await past.runs()
    (tmp_path / "folder").mkdir()
    values = (old, f"file://{tmp_path}", MOMENT)
    await database.fetch(
        "INSERT INTO task_log_file VALUES ($1, 't', -1, 1, $2, 'folder', gen_random_uuid(), $3, $3, 4)", *values
    )
    command = ("db", "clean", BEFORE, "-y", "--skip-archive", "-t", "dag_run")
    failed = tradewind(*command, "--error-on-cleanup-failure", **settings)
    assert failed.returncode == 1
    assert f"dag_run: failed: the log store file://{tmp_path} did not delete" in failed.stderr
    assert "Not cleaned: dag_run" in failed.stderr
    assert old in await past.runs()

    await database.fetch("DELETE FROM task_log_file")
    done = tradewind(*command, **settings)
    assert (done.returncode, done.stdout) == (0, "dag_run: 1 deleted\n")
    assert await database.fetch_value("SELECT count(*) FROM archived_row") == 0


def _here(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(create_app(), ["db", *arguments], env=environment)


def test_wrong_names_and_dates_are_named(tmp_path: Path) -> None:
    settings = {"TRADEWIND__HOME": str(tmp_path), "TERM": "dumb"}
    table = _here("clean", BEFORE, "-t", "dag_runs", **settings)
    assert table.exit_code == 2
    assert "did you mean dag_run?" in " ".join(table.stderr.replace("│", " ").split())
    date = _here("clean", "--clean-before-timestamp", "soon", **settings)
    assert date.exit_code == 2
    assert "no ISO date" in date.stderr
    unset = _here("clean", BEFORE, "-y", **settings)
    assert unset.exit_code == 2
    absent = _here("export-archived", "--output-path", str(tmp_path / "none"), **settings)
    assert (absent.exit_code, "make it first" in absent.stderr) == (1, True)


def test_a_person_is_asked_first(tmp_path: Path) -> None:
    for arguments in (("clean", BEFORE), ("drop-archived",)):
        unsure = _here(*arguments, TRADEWIND__HOME=str(tmp_path))
        assert (unsure.exit_code, "--yes" in unsure.stderr) == (1, True)
