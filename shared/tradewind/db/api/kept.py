"""What people keep in the database for their DAGs: variables, connections and pools. Small tables, changed by name.

A change is one transaction: rows are locked in key order, then written, each kind of write by one statement for all of
them. Values of variables, passwords and extras of connections are encrypted (bytes) here; whoever calls holds the key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tradewind.db.pool import Row, Session
from tradewind.db.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTable:
    """One of the tables: its columns, the key first, and the names of its statements."""

    columns: tuple[str, ...]
    lock: str
    insert: str
    update: str
    delete: str

    @property
    def key(self) -> str:
        return self.columns[0]

    async def locked(self, session: Session, keys: Sequence[str]) -> Sequence[Row]:
        """Those rows that are there, locked until the transaction ends."""
        return await session.fetch(statement(self.lock), keys)

    async def write_new(self, session: Session, rows: Sequence[Mapping[str, object]]) -> int:
        """How many were written: a key that is taken is left alone."""
        return len(await session.fetch(statement(self.insert), *self._by_column(rows)))

    async def write_changed(self, session: Session, rows: Sequence[Mapping[str, object]]) -> None:
        """Locked rows as they are to be."""
        await session.fetch(statement(self.update), *self._by_column(rows))

    async def remove(self, session: Session, keys: Sequence[str]) -> None:
        """Delete locked rows."""
        await session.fetch(statement(self.delete), keys)

    def _by_column(self, rows: Sequence[Mapping[str, object]]) -> Sequence[Sequence[object]]:
        return [[row[column] for row in rows] for column in self.columns]


VARIABLES: Final = KeptTable(
    columns=("key", "value", "description"),
    lock="api_lock_variables",
    insert="api_insert_variables",
    update="api_update_variables",
    delete="api_delete_variables",
)
CONNECTIONS: Final = KeptTable(
    columns=("conn_id", "conn_type", "description", "host", "login", "schema", "port", "password", "extra"),
    lock="api_lock_connections",
    insert="api_insert_connections",
    update="api_update_connections",
    delete="api_delete_connections",
)
POOLS: Final = KeptTable(
    columns=("pool", "slots", "description", "include_deferred"),
    lock="api_lock_pools",
    insert="api_insert_pools",
    update="api_update_pools",
    delete="api_delete_pools",
)
