"""Cursors: opaque tokens that name the row a page continues from; a leading `~` reads backwards."""

import base64
import binascii
from collections.abc import Callable
from typing import Final
from uuid import UUID

from tradewind.api.errors import BadRequest
from tradewind.db.api.pages import Cursor, Page

BACKWARDS: Final = "~"


def cursor_of(token: str | None, row_id_of: Callable[[str], int | UUID]) -> Cursor | None:
    """None: the list is read by offset. The empty token is its beginning. Raises `BadRequest`."""
    if token is None:
        return None
    text = token.removeprefix(BACKWARDS)
    if not text:
        return Cursor()
    try:
        row_id = row_id_of(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii"))
    except (ValueError, binascii.Error) as exc:
        raise BadRequest("The cursor is not one that an earlier answer gave") from exc
    return Cursor(row_id=row_id, backwards=token.startswith(BACKWARDS))


def dag_run_row_id(text: str) -> int:
    """The id of a run's row; raises `ValueError`."""
    row_id = int(text)
    if not 0 <= row_id < 2**63:
        raise ValueError(f"{row_id} is no id")
    return row_id


def next_cursor(page: Page, cursor: Cursor | None) -> str | None:
    """Continues after the page; None at the end of the list, and under offset pagination."""
    if cursor is None or page.is_last:
        return None
    return _token(page.rows[-1]["id"])


def previous_cursor(page: Page, cursor: Cursor | None) -> str | None:
    """Continues before the page; None at its beginning, and under offset pagination."""
    if cursor is None or page.is_first:
        return None
    return BACKWARDS + _token(page.rows[0]["id"])


def _token(row_id: object) -> str:
    return base64.urlsafe_b64encode(str(row_id).encode()).decode().rstrip("=")
