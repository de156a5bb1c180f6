"""Connections to Postgres, and the one place where the driver's exceptions become ours.

driver says                                             we raise
connection lost or refused, server stopping, too many   StoreUnavailable (retryable)
deadlock, serialisation, read-only after a fail-over    StoreUnavailable (retryable)
unique or foreign key broken                            Conflict, naming the constraint
a value that no column can hold                         InvalidValue
anything else                                           unchanged: a defect of ours
"""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from tradewind.core.errors import ConfigError, Conflict, DomainError
from tradewind.db.store import StoreUnavailable
from tradewind.db.totals import Totals
from tradewind.service.backoff import Backoff
from tradewind.service.logging import get_logger

Row = asyncpg.Record
Isolation = Literal["read_committed", "repeatable_read"]

CONNECT_TIMEOUT_SECONDS: Final = 10.0
STATEMENT_TIMEOUT_SECONDS: Final = 60.0

SESSION_SETTINGS: Final = {
    "timezone": "UTC",
    "application_name": "tradewind",
    "jit": "off",
    # Statements are planned once, for any parameters, and while tables may still be empty: without these three a plan
    # that reads whole tables, good for an empty one, would stay until the next ANALYZE.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}


class InvalidValue(DomainError):
    """A value that the database cannot hold, such as text with a NUL character or a number out of range."""


class Session(Protocol):
    """Runs statements: in a transaction of its own each (`Database`), or all in one (`Database.transaction`)."""

    async def fetch(self, sql: str, *values: object) -> list[Row]: ...

    async def fetch_row(self, sql: str, *values: object) -> Row | None: ...

    async def fetch_value(self, sql: str, *values: object) -> object: ...


class Transaction:
    """Statements of one transaction on one connection."""

    def __init__(self, connection: "PoolConnectionProxy[Row]") -> None:
        self._connection = connection

    async def fetch(self, sql: str, *values: object) -> list[Row]:
        """All rows."""
        with wrapped_errors():
            return await self._connection.fetch(sql, *values)

    async def fetch_row(self, sql: str, *values: object) -> Row | None:
        """The first row, or None."""
        with wrapped_errors():
            return await self._connection.fetchrow(sql, *values)

    async def fetch_value(self, sql: str, *values: object) -> object:
        """The first column of the first row, or None."""
        with wrapped_errors():
            return await self._connection.fetchval(sql, *values)


class Database:
    """A pool of connections. Each of the three methods is one statement in a transaction of its own."""

    def __init__(self, pool: "asyncpg.Pool[Row]") -> None:
        self._pool = pool
        self.totals: Final = Totals()

    async def fetch(self, sql: str, *values: object) -> list[Row]:
        """All rows."""
        with wrapped_errors():
            async with self._pool.acquire() as connection:
                return await connection.fetch(sql, *values)

    async def fetch_row(self, sql: str, *values: object) -> Row | None:
        """The first row, or None."""
        with wrapped_errors():
            async with self._pool.acquire() as connection:
                return await connection.fetchrow(sql, *values)

    async def fetch_value(self, sql: str, *values: object) -> object:
        """The first column of the first row, or None."""
        with wrapped_errors():
            async with self._pool.acquire() as connection:
                return await connection.fetchval(sql, *values)

    @asynccontextmanager
    async def transaction(
        self, isolation: Isolation = "read_committed", *, readonly: bool = False
    ) -> AsyncGenerator[Transaction]:
        """Several statements as one transaction: committed on leaving, rolled back on any exception."""
        with wrapped_errors():
            async with (
                self._pool.acquire() as connection,
                connection.transaction(isolation=isolation, readonly=readonly),
            ):
                yield Transaction(connection)


@contextmanager
def wrapped_errors() -> Generator[None]:
    """Turns the driver's exceptions into ours, as the table in the module's docstring says."""
    try:
        yield
    except (OSError, TimeoutError, asyncpg.InternalClientError) as exc:
        raise StoreUnavailable(f"the database cannot be reached: {_reason(exc)}") from exc
    except asyncpg.PostgresError as exc:
        ours = _translated(exc)
        if ours is None:
            raise
        raise ours from exc
    except asyncpg.InterfaceError as exc:
        if isinstance(exc, ValueError):  # refused by the driver already: a number out of its column's range
            raise InvalidValue(str(exc)) from exc
        if "clos" not in str(exc):  # "connection is closed", "pool is closing"; others are defects of ours
            raise
        raise StoreUnavailable(f"the database connection was lost: {exc}") from exc


def _translated(exc: asyncpg.PostgresError) -> StoreUnavailable | DomainError | None:
    match exc:
        case (
            asyncpg.PostgresConnectionError()
            | asyncpg.TransactionRollbackError()
            | asyncpg.OperatorInterventionError()
            | asyncpg.InsufficientResourcesError()
            | asyncpg.PostgresSystemError()
            | asyncpg.ReadOnlySQLTransactionError()
            | asyncpg.LockNotAvailableError()
            | asyncpg.IdleInTransactionSessionTimeoutError()
            | asyncpg.InvalidAuthorizationSpecificationError()
            | asyncpg.InvalidCatalogNameError()
        ):
            return StoreUnavailable(f"the database broke off: {_reason(exc)}")
        case asyncpg.UniqueViolationError() | asyncpg.ForeignKeyViolationError():
            return Conflict(f"{exc.constraint_name}: {exc.detail or exc}")
        case asyncpg.DataError():
            return InvalidValue(str(exc))
        case _:
            return None


def _reason(exc: BaseException) -> str:
    return str(exc) or type(exc).__name__


@asynccontextmanager
async def open_pool(url: str, size: int, setting_name: str = "TRADEWIND__DATABASE__URL") -> AsyncGenerator[Database]:
    """Connect to Postgres with at most `size` connections, all in UTC.

    Waits as long as the server cannot be reached or refuses us, with backoff from 0.1 to 5 s; each failure is logged
    as `database.unavailable` and names the setting to correct. Raises `ConfigError` for what is no address at all.
    """
    check_database_url(url, setting_name)
    pool = await _connected_pool(url, size, setting_name)
    try:
        yield Database(pool)
    finally:
        await _close(pool)


async def reach(url: str, setting_name: str = "TRADEWIND__DATABASE__URL") -> None:
    """Connect once, and leave. Raises `StoreUnavailable` that says why not, `ConfigError` for what is no address."""
    check_database_url(url, setting_name)
    with wrapped_errors():
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_SECONDS)
        await connection.close()


def check_database_url(url: str, setting_name: str) -> None:
    """Raises `ConfigError` unless this is a `postgresql://` address. Never shows the password."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError as exc:
        raise ConfigError(f"{setting_name} is not an address: {exc}") from exc
    if scheme not in ("postgresql", "postgres"):
        raise ConfigError(f"{setting_name} must be postgresql://user:password@host:port/name, not {scheme or '?'}:…")


async def _connected_pool(url: str, size: int, setting_name: str) -> "asyncpg.Pool[Row]":
    backoff = Backoff(initial_seconds=0.1, cap_seconds=5.0)
    failures = 0
    while True:
        try:
            with wrapped_errors():
                return await _make_pool(url, size)
        except StoreUnavailable as exc:
            failures += 1
            delay = backoff.delay_seconds(failures, 0.0)
            get_logger().warning(
                "database.unavailable",
                error=str(exc),
                address=_address(url),
                hint=f"check {setting_name}",
                failures=failures,
                delay_seconds=delay,
            )
            await asyncio.sleep(delay)


def _address(url: str) -> str:
    """The URL without user and password."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}" + (f"?{parts.query}" if "host=" in parts.query else "")


async def _make_pool(url: str, size: int) -> "asyncpg.Pool[Row]":
    pool: asyncpg.Pool[Row] = asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size,
        max_inactive_connection_lifetime=600.0,
        init=_set_codecs,
        reset=_nothing_to_reset,
        timeout=CONNECT_TIMEOUT_SECONDS,
        command_timeout=STATEMENT_TIMEOUT_SECONDS,
        statement_cache_size=500,
        max_cached_statement_lifetime=0,
        max_cacheable_statement_size=64 * 1024,
        server_settings=SESSION_SETTINGS,
    )
    return await pool


async def _set_codecs(connection: "asyncpg.Connection[Row]") -> None:
    """`json` and `jsonb` values are Python values on our side."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=_json_text, decoder=msgspec.json.decode, format="text"
        )


def _json_text(value: object) -> str:
    return msgspec.json.encode(value).decode()


async def _nothing_to_reset(connection: "asyncpg.Connection[Row]") -> None:
    """We leave no session state behind; the driver's own reset would cost a round trip per statement."""


async def _close(pool: "asyncpg.Pool[Row]") -> None:
    """Close in order; what does not close in time (the server is gone) is dropped."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            await pool.close()
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        pool.terminate()
