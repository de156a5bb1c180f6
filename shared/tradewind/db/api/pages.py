"""Pages of a list: a statement, its filters, one of its orders, and a place to begin.

An `api_list_*.sql` is a statement in which `/* list */ FROM … WHERE … /* end */` says what is listed, and three places
wait to be filled: `/* filters */` by the predicates of the filters that were asked for, `/* sort */ … /* end */` by the
order (what stands there is the default; it is unique, and follows whatever other order is asked for), and `$name` by
parameters. Its head names what it can do:

-- sort <key>: <expression>; `;` stands between several
-- filter <key>: <predicate>; `$value` is the filter's value. A predicate may go on in lines that are indented further.

So each combination of filters is a statement of its own, which the planner plans for just these values, and the same
parts make the one that counts. A page reads on where an index already has the order; what would read a long list whole
is only its count, which is exact up to `EXACT_COUNT` and above that as of a few seconds ago.
"""

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from tradewind.core.errors import DomainError
from tradewind.db.pool import Database, Row, Session
from tradewind.db.statements import statement

MAX_SORT_KEYS: Final = 10
COMPOSED_KEPT: Final = 512

EXACT_COUNT: Final = 10_000
"""So many rows are counted anew for each page; by cursor no more than these are counted."""

_HEAD_LINE: Final = r"^-- {} (\w+): (.+(?:\n--     .+)*)$"
_SORT_LINE: Final = re.compile(_HEAD_LINE.format("sort"), re.MULTILINE)
_FILTER_LINE: Final = re.compile(_HEAD_LINE.format("filter"), re.MULTILINE)
_LIST: Final = re.compile(r"/\* list \*/(.+?)/\* end \*/", re.DOTALL)
_SORT: Final = re.compile(r"/\* sort \*/ (.+?) /\* end \*/")
_PARAMETER: Final = re.compile(r"\$([a-z_]+)")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where a page continues: after (or, backwards, before) the row with this id. No id: at the beginning."""

    row_id: object | None = None
    backwards: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows, and how many there are in all; by cursor, at most `EXACT_COUNT` are counted."""

    rows: Sequence[Row]
    total_entries: int
    is_first: bool = True
    is_last: bool = True


@dataclass(frozen=True, slots=True)
class Composed:
    """A statement, and the names of its parameters in order."""

    text: str
    names: tuple[str, ...]

    async def fetch(self, session: Session, values: Mapping[str, object]) -> list[Row]:
        return await session.fetch(self.text, *(values[name] for name in self.names))


@dataclass(frozen=True, slots=True)
class _Term:
    """One key of an order. Null is greater than any value, as the database has it."""

    expression: str
    is_descending: bool

    def directed(self, *, backwards: bool) -> str:
        return f"{self.expression} DESC" if self.is_descending != backwards else self.expression

    def is_at(self, edge: str) -> str:
        """The predicate: the row is where the edge is, by this key."""
        return f"{self.expression} IS NOT DISTINCT FROM {edge}"

    def is_beyond(self, edge: str, *, backwards: bool) -> str:
        """The predicate: the row comes after the edge (backwards: before it) by this key."""
        if self.is_descending != backwards:
            return f"({self.expression} < {edge} OR ({edge} IS NULL AND {self.expression} IS NOT NULL))"
        return f"({self.expression} > {edge} OR ({self.expression} IS NULL AND {edge} IS NOT NULL))"


def sort_expressions(name: str) -> Mapping[str, str]:
    """What the statement can be ordered by: key → expression."""
    return dict(_SORT_LINE.findall(statement(name)))


def filter_predicates(name: str) -> Mapping[str, str]:
    """What the statement can be filtered by: key → predicate."""
    return {key: text.replace("\n--     ", " ") for key, text in _FILTER_LINE.findall(statement(name))}


@lru_cache(maxsize=COMPOSED_KEPT)
def page_statement(
    name: str,
    filters: tuple[str, ...] = (),
    order_by: tuple[str, ...] = (),
    *,
    continues: bool = False,
    backwards: bool = False,
) -> Composed:
    """The statement of a page, for filters of these keys in this order; `continues`: after the row whose id is
    `$cursor` (backwards: before it, and in the opposite order). Raises `UnknownOrder`."""
    terms = _terms(name, order_by)
    predicates = [_predicate(name, key) for key in filters]
    if continues:
        predicates.append(_beyond_cursor(name, terms, backwards=backwards))
    text = _filtered(statement(name), predicates)
    return _numbered(_SORT.sub(lambda _: ", ".join(each.directed(backwards=backwards) for each in terms), text))


@lru_cache(maxsize=COMPOSED_KEPT)
def count_statement(name: str, filters: tuple[str, ...] = ()) -> Composed:
    """The statement that counts what these filters leave, up to `$most`."""
    predicates = [_predicate(name, key) for key in filters]
    listed = _filtered(_listed(name), predicates)
    return _numbered(statement("api_count_listed").replace("/* listed */", listed))


def _terms(name: str, order_by: Sequence[str]) -> list[_Term]:
    if len(order_by) > MAX_SORT_KEYS:
        raise UnknownOrder(f"at most {MAX_SORT_KEYS} keys can be ordered by, not {len(order_by)}")
    match = _SORT.search(statement(name))
    assert match is not None, f"{name}.sql has no place for an order"
    terms = [_Term(part, key.startswith("-")) for key in order_by for part in _expression(name, key).split("; ")]
    return terms + [_Term(each, bool(terms) and terms[0].is_descending) for each in match[1].split(", ")]


def _expression(name: str, key: str) -> str:
    expression = sort_expressions(name).get(key.removeprefix("-"))
    if expression is None:
        known = ", ".join(sort_expressions(name))
        raise UnknownOrder(f"the list cannot be ordered by {key.removeprefix('-')!r}, only by: {known}")
    return expression


def _predicate(name: str, key: str) -> str:
    return filter_predicates(name)[key].replace("$value", f"$filter_{key}")


def _beyond_cursor(name: str, terms: Sequence[_Term], *, backwards: bool) -> str:
    """By the first key, or equal by it and by the second, and so on."""
    row = _filtered(_listed(name), [f"{sort_expressions(name)['id']} = $cursor"])
    clause = "false"
    for term in reversed(terms):
        edge = f"(SELECT {term.expression} {row})"
        clause = f"({term.is_beyond(edge, backwards=backwards)} OR ({term.is_at(edge)} AND {clause}))"
    return clause


def _listed(name: str) -> str:
    match = _LIST.search(statement(name))
    assert match is not None, f"{name}.sql does not say what it lists"
    return match[1].strip()


def _filtered(text: str, predicates: Sequence[str]) -> str:
    return text.replace("/* filters */", " AND ".join(predicates) or "true")


def _numbered(text: str) -> Composed:
    """With the parameters' numbers instead of their names; the head is left out."""
    body = "\n".join(line for line in text.splitlines() if not line.startswith("-- "))
    names = tuple(dict.fromkeys(_PARAMETER.findall(body)))
    return Composed(_PARAMETER.sub(lambda match: f"${names.index(match[1]) + 1}", body), names)


async def fetch_page(
    database: Database,
    name: str,
    filters: Mapping[str, object],
    request: PageRequest,
    parameters: Mapping[str, object] | None = None,
) -> Page:
    """One page of the list; `parameters` are those of the statement that belong to no filter, by name."""
    keys, values = tuple(filters), _values(filters, parameters)
    found = page_statement(name, keys, tuple(request.order_by))
    async with _planned_for_values(database) as session:
        rows = await found.fetch(session, {**values, "limit": request.limit, "offset": request.offset})
        if 0 < len(rows) < request.limit:
            return Page(rows=rows, total_entries=request.offset + len(rows))
        total = await _counted(session, name, keys, values, EXACT_COUNT + 1)
    if total > EXACT_COUNT:
        asked = (name, repr(sorted(filters.items())))
        total = await database.totals.get(asked, lambda: _count_all(database, name, keys, values))
    return Page(rows=rows, total_entries=total)


async def _count_all(database: Database, name: str, keys: tuple[str, ...], values: Mapping[str, object]) -> int:
    async with _planned_for_values(database) as session:
        return await _counted(session, name, keys, values, None)


async def _counted(
    session: Session, name: str, keys: tuple[str, ...], values: Mapping[str, object], most: int | None
) -> int:
    [row] = await count_statement(name, keys).fetch(session, {**values, "most": most})
    return row["count"]


@asynccontextmanager
async def _planned_for_values(database: Database) -> AsyncGenerator[Session]:
    """A transaction whose statements are planned for the values that they get."""
    async with database.transaction(readonly=True) as session:
        await session.fetch(statement("api_plan_for_values"))
        yield session


async def fetch_keyset_page(
    database: Database,
    name: str,
    filters: Mapping[str, object],
    request: PageRequest,
    cursor: Cursor | None,
    parameters: Mapping[str, object] | None = None,
) -> Page:
    """One page of a list that can also be read by cursor; raises `StaleCursor`."""
    if cursor is None:
        return await fetch_page(database, name, filters, request, parameters)
    keys, is_inside = tuple(filters), cursor.row_id is not None
    order_by = tuple(request.order_by)
    found = page_statement(name, keys, order_by, continues=is_inside, backwards=cursor.backwards)
    values = {**_values(filters, parameters), "limit": request.limit + 1, "offset": 0, "cursor": cursor.row_id}
    async with _planned_for_values(database) as session:
        rows = await found.fetch(session, values)
        if not rows and is_inside:
            raise StaleCursor("the row that this cursor stands on is gone, or no longer matches: begin anew")
        total = await _counted(session, name, keys, values, EXACT_COUNT)
    has_more = len(rows) > request.limit
    shown = rows[: request.limit]
    if cursor.backwards:
        return Page(rows=shown[::-1], total_entries=total, is_first=not has_more, is_last=not is_inside)
    return Page(rows=shown, total_entries=total, is_first=not is_inside, is_last=not has_more)


def _values(filters: Mapping[str, object], parameters: Mapping[str, object] | None) -> dict[str, object]:
    """By the names of parameters; a date without a zone is in UTC."""
    given = {f"filter_{key}": value for key, value in filters.items()}
    for key, value in given.items():
        if isinstance(value, datetime) and value.tzinfo is None:
            given[key] = value.replace(tzinfo=UTC)
    return {**(parameters or {}), **given}
