"""Pages of a list: a statement, its filters, one of its orders, and a place to begin.

Each `api_list_*.sql` takes its filters as one JSON object, in which an absent key filters nothing, and names in its
`-- sort <key>: <expression>` lines what it can be ordered by. Its default order stands between `/* sort */` and
`/* end */`; it is unique, and follows whatever other order is asked for.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from tradewind.core.errors import DomainError
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement

MAX_SORT_KEYS: Final = 10

_SORT_LINE: Final = re.compile(r"^-- sort (\w+): (.+)$", re.MULTILINE)
_SORT_PLACE: Final = re.compile(r"/\* sort \*/ (.+?) /\* end \*/")


class UnknownOrder(DomainError):
    """The list cannot be ordered by this, or by that much."""


class StaleCursor(DomainError):
    """The row that a page was to continue from is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which part of a list: `limit` rows after `offset` rows."""

    limit: int
    offset: int = 0
    order_by: Sequence[str] = ()
    """Sort keys, each with a leading `-` for descending."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, each with its `place` (from 1) in the whole list, and how many there are in all."""

    rows: Sequence[Row]
    total_entries: int

    @property
    def is_first(self) -> bool:
        return not self.rows or self.rows[0]["place"] == 1

    @property
    def is_last(self) -> bool:
        return not self.rows or self.rows[-1]["place"] == self.total_entries


@cache
def sort_expressions(name: str) -> Mapping[str, str]:
    """What the statement can be ordered by: key → expression."""
    return dict(_SORT_LINE.findall(statement(name)))


def ordered_statement(name: str, order_by: Sequence[str]) -> str:
    """The statement's text in this order; raises `UnknownOrder`."""
    if not order_by:
        return statement(name)
    if len(order_by) > MAX_SORT_KEYS:
        raise UnknownOrder(f"at most {MAX_SORT_KEYS} keys can be ordered by, not {len(order_by)}")
    match = _SORT_PLACE.search(statement(name))
    assert match is not None, f"{name}.sql has no place for an order"
    last = _directed(match[1], order_by[0])
    terms = [_directed(_expression(name, key), key) for key in order_by]
    order = ", ".join([*terms, last])
    return statement(name).replace(match[0], order, 1)


def _expression(name: str, key: str) -> str:
    expression = sort_expressions(name).get(key.removeprefix("-"))
    if expression is None:
        known = ", ".join(sort_expressions(name))
        raise UnknownOrder(f"the list cannot be ordered by {key.removeprefix('-')!r}, only by: {known}")
    return expression


def _directed(expression: str, key: str) -> str:
    return f"{expression} DESC" if key.startswith("-") else expression


async def fetch_page(
    database: Database, name: str, filters: Mapping[str, object], request: PageRequest, *more: object
) -> Page:
    """One page of the list; `more` are the statement's parameters after filters, limit and offset."""
    text = ordered_statement(name, request.order_by)
    async with database.transaction(readonly=True) as session:
        await session.fetch(statement("api_plan_for_values"))
        rows = await session.fetch(text, filters, request.limit, request.offset, *more)
    return Page([row for row in rows if row["place"] is not None], rows[0]["total_entries"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where a page continues: after (or, backwards, before) the row with this id. No id: at the beginning."""

    row_id: object | None = None
    backwards: bool = False


async def fetch_keyset_page(
    database: Database,
    name: str,
    filters: Mapping[str, object],
    request: PageRequest,
    cursor: Cursor | None,
    *more: object,
) -> Page:
    """One page of a list that can also be read by cursor; raises `StaleCursor`."""
    after = cursor.row_id if cursor and not cursor.backwards else None
    before = cursor.row_id if cursor and cursor.backwards else None
    page = await fetch_page(database, name, filters, request, after, before, *more)
    if not page.rows and cursor is not None and cursor.row_id is not None:
        raise StaleCursor("the row that this cursor stands on is gone, or no longer matches: begin anew")
    return page
