"""The audit log: every change that somebody asks for, with who, what, when, from where, and how it ended.

A change is noted when its request has been recognised, and written before its answer leaves. An operation that must
not wait for that writes the entry in a statement of its own (`joined`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast

from fastapi import Request
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from tradewind.api.access.rules import Door, Rule
from tradewind.api.identity.caller import Caller
from tradewind.api.redaction import MASK, redacted
from tradewind.api.state import ApiState
from tradewind.core.errors import AdapterError, DomainError
from tradewind.db.api.access import NewEvent, insert_event
from tradewind.service.logging import get_logger

CHANGE: Final = "tradewind.change"
"""Where a request carries its entry."""
MAX_BODY_BYTES: Final = 16 * 1024
"""Of a longer body only its length is kept."""
ALWAYS_MASKED: Final[Mapping[str, frozenset[str]]] = {
    "variable": frozenset({"value", "val"}),
    "connection": frozenset({"extra", "login", "uri"}),
}
"""Part of an operation's name → fields that may hold secrets under any name."""
TOO_DEEP: Final = '{"body": "lists and objects too deep in each other"}'
IN_COLUMNS: Final = frozenset({"dag_id", "dag_run_id", "run_id", "task_id", "map_index", "logical_date"})
"""What has a column of its own is not repeated in `extra`."""

PASSWORD_LOGINS: Final = frozenset({"create_token", "create_token_cli", "create_cookie"})
"""Of what is open to anybody, only what a known user asked for is logged, and passwords that were wrong, which are
counted and limited: else anybody could fill the log. Never what they were asked with: it proves who somebody is."""

_MOMENT: Final = TypeAdapter(AwareDatetime)


@dataclass(slots=True, kw_only=True)
class Change:
    """One entry before it is written."""

    event: str
    rule: Rule
    owner: str | None
    via: str | None
    request: Request = field(repr=False)
    body: bytes = field(repr=False)
    is_written: bool = False


async def begin_audit(request: Request, operation_id: str, rule: Rule, caller: Caller | None) -> None:
    """From here on the request's outcome is written, whatever it is."""
    owner, via = (None, None) if caller is None else (caller.username, caller.via)
    body = b"" if rule.door is Door.OPEN else await request.body()
    request.scope[CHANGE] = Change(event=operation_id, rule=rule, owner=owner, via=via, request=request, body=body)


def name_owner(request: Request, username: str) -> None:
    """Whose login this is: for operations that find out themselves who is calling."""
    change: Change | None = request.scope.get(CHANGE)
    if change is not None:
        change.owner = username


def joined(request: Request, *, status: int) -> NewEvent | None:
    """The entry, for a statement that writes it together with what it is about; None: there is none to write."""
    change: Change | None = request.scope.get(CHANGE)
    return None if change is None else _entry(change, status)


def is_joined(request: Request) -> None:
    """A statement has written the entry."""
    change: Change | None = request.scope.get(CHANGE)
    if change is not None:
        change.is_written = True


async def write_audit(scope: Mapping[str, Any], status: int) -> None:
    """Write the request's entry, if it has one that is not written yet. Never fails: what cannot be written to the
    database is written to the log."""
    change: Change | None = scope.get(CHANGE)
    if change is None or change.is_written:
        return
    change.is_written = True
    state: ApiState = scope["state"]
    entry = _entry(change, status)
    if entry is None:
        return
    try:
        await insert_event(state["database"], entry)
    except (AdapterError, DomainError) as exc:
        get_logger().error("audit.not_written", error=str(exc), entry=repr(entry))


def _entry(change: Change, status: int) -> NewEvent | None:
    request, state = change.request, cast("ApiState", change.request.scope["state"])
    body = _body(change.body)
    is_open = change.rule.door is Door.OPEN
    if change.rule.has_dry_run and body.get("dry_run", True) is True:
        return None
    if is_open and change.owner is None and not (status == 401 and change.event in PASSWORD_LOGINS):
        return None
    path: dict[str, Any] = {**request.query_params, **request.path_params}
    dag_id = _text(path.get("dag_id"))
    return NewEvent(
        created_at=state["clock"](),
        event=change.event,
        dag_id=_text(body.get("dag_id")) if dag_id in (None, "~") else dag_id,
        run_id=_text(path.get("dag_run_id")) or _text(body.get("dag_run_id")),
        task_id=_text(path.get("task_id")) or _text(body.get("task_id")),
        map_index=_integer(path.get("map_index", body.get("map_index"))),
        try_number=_integer(path.get("try_number", path.get("task_try_number"))),
        logical_date=_moment(body.get("logical_date")),
        owner=change.owner,
        extra="{}" if is_open else _extra(change.event, {**path, **body}),
        via=change.via,
        remote_address=request.client.host if request.client else None,
        status=status,
    )


def _extra(event: str, given: Mapping[str, Any]) -> str:
    fields = {name: value for name, value in given.items() if name not in IN_COLUMNS}
    always = frozenset[str]().union(*(names for part, names in ALWAYS_MASKED.items() if part in event))
    try:
        return json.dumps(redacted(_masked(fields, always)))
    except RecursionError:
        return TOO_DEEP


def _masked(value: object, names: frozenset[str]) -> object:
    """The JSON value with everything masked that stands, at any depth, under one of the names."""
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {key: (MASK if item else item) if key in names else _masked(item, names) for key, item in items}
    if isinstance(value, list):
        return [_masked(item, names) for item in cast("list[object]", value)]
    return value


def _body(content: bytes) -> dict[str, Any]:
    if len(content) > MAX_BODY_BYTES:
        return {"body": f"{len(content)} bytes"}
    try:
        found = json.loads(content)
        json.dumps(found, allow_nan=False)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    """What a column can hold of it."""
    if not isinstance(value, str) or not value:
        return None
    return value.replace("\0", "").encode(errors="replace").decode()


def _integer(value: object) -> int | None:
    try:
        number = int(cast("str", value))
    except (TypeError, ValueError):
        return None
    return number if -(2**31) <= number < 2**31 else None


def _moment(value: object) -> datetime | None:
    try:
        return _MOMENT.validate_python(value)
    except ValidationError:
        return None
