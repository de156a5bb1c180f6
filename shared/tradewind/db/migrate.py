"""Brings a database to the schema of this version, and lets services wait for one that they can work with.

Migrations are numbered SQL files, forward only, named `NNNN_<phase>_<what>`. Phase `pre` only adds and runs before new
code is deployed; phase `post` takes away what nobody uses any more and runs after it.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import asyncpg

from tradewind.db.pool import CONNECT_TIMEOUT_SECONDS, Database, check_database_url, wrapped_errors
from tradewind.db.statements import statement
from tradewind.service.backoff import Backoff
from tradewind.service.logging import get_logger

SCHEMA: Final = 8
"""The schema that this code was written for: the number of the latest migration it knows."""

MIGRATIONS: Final = Path(__file__).parent / "migrations"
VERSION_TABLE: Final = MIGRATIONS / "version_table.sql"

ADVISORY_LOCK: Final = 0x74726164
"""Whoever migrates holds this lock: any number of processes may try at once."""

Phase = Literal["pre", "post"]


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file of `migrations/versions`."""

    number: int
    phase: Phase
    path: Path


def migrations() -> list[Migration]:
    """All migrations, in order."""
    found: list[Migration] = []
    for path in sorted((MIGRATIONS / "versions").glob("*.sql")):
        match = re.fullmatch(r"(\d{4})_(pre|post)_\w+", path.stem)
        assert match is not None, f"{path.name} is not named NNNN_<pre|post>_<what>.sql"
        found.append(Migration(int(match[1]), "pre" if match[2] == "pre" else "post", path))
    return found


async def migrate(
    url: str,
    *,
    only_pre: bool = False,
    until: int | None = None,
    setting_name: str = "TRADEWIND__DATABASE__URL",
) -> int:
    """Run what is pending (`only_pre`: up to the first post-deploy migration; `until`: up to that number) and return
    the schema's number.

    Safe from any number of processes at once; the later ones find nothing to do. Raises `ConfigError` for a wrong
    address and `StoreUnavailable` when the server cannot be reached.
    """
    check_database_url(url, setting_name)
    async with _locked_connection(url) as connection:
        before = await _current(connection)
        target = _target(before, only_pre=only_pre)
        target = target if until is None else min(target, until)
        if target > before:
            await _upgrade(connection, [each for each in migrations() if before < each.number <= target])
            get_logger().info("schema.migrated", before=before, after=target)
        return max(before, target)


async def current_schema(url: str) -> int:
    """The schema's number; 0 for an empty database. Raises as `migrate` does."""
    check_database_url(url, "TRADEWIND__DATABASE__URL")
    async with _locked_connection(url) as connection:
        return await _current(connection)


async def drop_everything(url: str) -> None:
    """Empty the database of all that any migration has made, and of whatever else is in its schema."""
    check_database_url(url, "TRADEWIND__DATABASE__URL")
    async with _locked_connection(url) as connection:
        with wrapped_errors():
            async with connection.transaction():
                await connection.execute(statement("drop_everything"))
                await connection.execute(statement("create_own_schema"))


def _target(before: int, *, only_pre: bool) -> int:
    target = before
    for migration in migrations():
        if only_pre and migration.phase == "post" and migration.number > before:
            break
        target = max(target, migration.number)
    return target


@asynccontextmanager
async def _locked_connection(url: str) -> AsyncGenerator["asyncpg.Connection[asyncpg.Record]"]:
    with wrapped_errors():
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_SECONDS)
    try:
        with wrapped_errors():
            await connection.execute(statement("lock_schema"), ADVISORY_LOCK)
        yield connection
    finally:
        await connection.close()  # frees the lock


async def _current(connection: "asyncpg.Connection[asyncpg.Record]") -> int:
    """Number of the last migration that ran; 0 for an empty database."""
    with wrapped_errors():
        if await connection.fetchval(statement("find_schema_version_table")) is None:
            return 0
        return int(str(await connection.fetchval(statement("get_schema_version")) or "0"))


async def _upgrade(connection: "asyncpg.Connection[asyncpg.Record]", pending: Sequence[Migration]) -> None:
    """Each file in a transaction of its own: what ran before one that fails has run."""
    with wrapped_errors():
        await connection.execute(VERSION_TABLE.read_text(encoding="utf-8"))
        for migration in pending:
            async with connection.transaction():
                await connection.execute(migration.path.read_text(encoding="utf-8"))
                await connection.execute(statement("replace_schema_version"), f"{migration.number:04d}")


async def wait_for_schema(database: Database) -> None:
    """Return once the database serves this code: `SCHEMA` lies in its range. Logs `schema.awaited` while it waits,
    with backoff from 0.1 to 5 s."""
    backoff = Backoff(initial_seconds=0.1, cap_seconds=5.0)
    failures = 0
    while True:
        served = await served_range(database)
        if served is not None and served[0] <= SCHEMA <= served[1]:
            return
        failures += 1
        delay = backoff.delay_seconds(failures, 0.0)
        get_logger().warning(
            "schema.awaited",
            needed=SCHEMA,
            served="none" if served is None else f"{served[0]}-{served[1]}",
            hint="run `tradewind db migrate`",
            delay_seconds=delay,
        )
        await asyncio.sleep(delay)


async def served_range(database: Database) -> tuple[int, int] | None:
    """The oldest and the newest schema whose code this database serves; None = it has no schema."""
    try:
        row = await database.fetch_row(statement("get_schema_range"))
    except asyncpg.UndefinedTableError:
        return None
    return None if row is None else (row["oldest"], row["newest"])


async def set_parallelism(database: Database, slots: int) -> None:
    """Make `slots` (0 = no cap) the number of task instances that may be queued or running at once, over all
    schedulers."""
    await database.fetch(statement("update_parallelism_slots"), slots)
