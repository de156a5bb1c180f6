"""Reads, changes and writes rows of variables, connections and pools, each request in one transaction."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from tradewind.api.bulk.answers import answered
from tradewind.api.errors import Conflicting, Unprocessable
from tradewind.api.kept.planning import Rules, Values, apply, keys_of
from tradewind.api.models.actions import (
    BulkActionResponse,
    BulkBody,
    BulkCreateAction,
    BulkDeleteAction,
    BulkResponse,
    BulkUpdateAction,
)
from tradewind.api.models.base import StrictBody
from tradewind.api.state import ApiState
from tradewind.core.errors import ConfigError, NotFound
from tradewind.db.api.kept import KeptTable
from tradewind.db.pool import Row, Transaction
from tradewind.db.secrets import SecretBox
from tradewind.service.logging import get_logger

BodyT = TypeVar("BodyT", bound=StrictBody)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[BodyT]):
    """One kind of thing that people keep."""

    rules: Rules[BodyT]
    table: KeptTable
    word: str
    secrets: tuple[str, ...] = ()
    """Columns that are encrypted."""

    def opened(self, row: Row, box: SecretBox) -> Values:
        """The row with its secrets in clear. What no key opens is None, so that it can be seen, changed and removed all
        the same."""
        opened: dict[str, object] = {column: row[column] for column in self.table.columns}
        for column in self.secrets:
            token = opened[column]
            try:
                opened[column] = box.decrypt(token) if isinstance(token, bytes) else None
            except ConfigError as exc:
                opened[column] = None
                get_logger().error("secret.unreadable", what=self.word, key=row[self.table.key], error=str(exc))
        return opened

    def sealed(self, values: Values, box: SecretBox) -> Values:
        """The row as it is stored. Raises `Unprocessable` for a secret that is no text: one with half a character."""
        texts = {column: values[column] for column in self.secrets}
        try:
            sealed = {name: box.encrypt(text) if isinstance(text, str) else None for name, text in texts.items()}
        except UnicodeEncodeError as exc:
            raise Unprocessable(f"The {self.word} holds what is no Unicode text: {exc.reason}") from exc
        return {**values, **sealed}


async def create(state: ApiState, kind: Kind[BodyT], entity: BodyT) -> Values | None:
    """The new thing; None if its key is taken."""
    values = kind.rules.created(entity)
    written = await kind.table.write_new(state["database"], [kind.sealed(values, state["secrets"])])
    return values if written else None


async def create_missing(state: ApiState, kind: Kind[BodyT], entities: Sequence[BodyT]) -> int:
    """Those of them that are not there yet; how many that were."""
    rows = [kind.sealed(kind.rules.created(entity), state["secrets"]) for entity in entities]
    return await kind.table.write_new(state["database"], rows)


async def change(state: ApiState, kind: Kind[BodyT], key: str, changed: Callable[[Values], Values]) -> Values:
    """The thing as it is now. Raises `NotFound`, and what `changed` does."""
    async with _changing(state, kind, [key]) as rows:
        if key not in rows:
            raise not_found(kind, key)
        rows[key] = changed(rows[key])
    return rows[key]


async def remove(state: ApiState, kind: Kind[BodyT], key: str) -> None:
    """Raises `NotFound`, and what the rules do."""
    kind.rules.check_removable(key)
    async with _changing(state, kind, [key]) as rows:
        if rows.pop(key, None) is None:
            raise not_found(kind, key)


async def change_many(state: ApiState, kind: Kind[BodyT], body: BulkBody[BodyT]) -> BulkResponse:
    """All actions of the request; what an action refuses is in the answer. Raises `Conflicting`: others were faster."""
    async with _changing(state, kind, keys_of(body, kind.rules)) as rows:

        async def do(
            action: BulkCreateAction[BodyT] | BulkUpdateAction[BodyT] | BulkDeleteAction[BodyT],
        ) -> BulkActionResponse:
            return apply(action, rows, kind.rules)

        return await answered(body, do)


def not_found(kind: Kind[BodyT], key: str) -> NotFound:
    return NotFound(f"The {kind.word} {key!r} was not found")


@asynccontextmanager
async def _changing(state: ApiState, kind: Kind[BodyT], keys: Sequence[str]) -> AsyncGenerator[dict[str, Values]]:
    """The locked rows by key; what they were made is written on leaving, nothing after an exception."""
    box = state["secrets"]
    async with state["database"].transaction() as session:
        stored = {row[kind.table.key]: row for row in await kind.table.locked(session, keys)}
        before = {key: kind.opened(row, box) for key, row in stored.items()}
        after = dict(before)
        yield after
        await _write_new(session, kind, [kind.sealed(after[key], box) for key in after.keys() - before.keys()])
        changed = [key for key in after.keys() & before.keys() if after[key] != before[key]]
        if changed:
            rows = [_resealed(kind, stored[key], before[key], after[key], box) for key in changed]
            await kind.table.write_changed(session, rows)
        if removed := sorted(before.keys() - after.keys()):
            await kind.table.remove(session, removed)


async def _write_new(session: Transaction, kind: Kind[BodyT], rows: Sequence[Values]) -> None:
    if rows and await kind.table.write_new(session, rows) < len(rows):
        raise Conflicting(f"Somebody else has created one of these {kind.rules.words} at this moment: try again")


def _resealed(kind: Kind[BodyT], stored: Row, before: Values, after: Values, box: SecretBox) -> Values:
    """The changed row as it is stored; secrets that have not changed keep their tokens."""
    same = {column: stored[column] for column in kind.secrets if before[column] == after[column]}
    return {**kind.sealed(after, box), **same}


def written_keys(response: BulkResponse) -> Sequence[str]:
    """Keys of everything that was created, changed or removed."""
    parts = (response.create, response.update, response.delete)
    return [key for part in parts if part is not None for key in part.success]
