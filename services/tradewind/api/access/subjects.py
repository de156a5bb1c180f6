"""Which DAGs a request is about: read from it as its operation will read it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from fastapi import Request

from tradewind.api.access.rights import Action, Right
from tradewind.api.access.rules import Dags, Rule
from tradewind.api.state import ApiState
from tradewind.db.api.access import dags_of_file, dags_of_import_error
from tradewind.db.backfills.questions import get_backfill
from tradewind.service.tokens import InvalidToken

ANY_DAG: Final = "~"
BULK_ACTIONS: Final = {"create": Action.CREATE, "update": Action.EDIT, "delete": Action.DELETE}

Subject = tuple[Right, str]
"""What is to be done to which DAG."""


def is_list(rule: Rule, request: Request) -> bool:
    """Whether the request names no DAG, but leaves it to us which ones it may see or change."""
    if rule.dags is Dags.LIST:
        return True
    is_read = rule.right is not None and rule.right.action is Action.READ
    return rule.dags is Dags.PATH and is_read and request.path_params.get("dag_id") == ANY_DAG


async def subjects(rule: Rule, right: Right, request: Request) -> Sequence[Subject]:
    """What the request wants to do to which DAGs; nothing, if it names none that exists or none at all."""
    state: ApiState = request.scope["state"]
    path = request.path_params
    match rule.dags:
        case Dags.PATH:
            return [(right, path["dag_id"])]
        case Dags.BODY:
            return [(right, _text((await _body(request)).get("dag_id")))]
        case Dags.BODY_RUNS:
            runs = _objects((await _body(request)).get("dag_runs"))
            return [(right, _text(run.get("dag_id")) or path["dag_id"]) for run in runs] or [(right, path["dag_id"])]
        case Dags.BULK:
            return list(_bulk_subjects(right, path["dag_id"], await _body(request)))
        case Dags.BACKFILL:
            backfill = await get_backfill(state["database"], _number(path["backfill_id"]))
            return [] if backfill is None else [(right, backfill["dag_id"])]
        case Dags.IMPORT_ERROR:
            dag_ids = await dags_of_import_error(state["database"], _number(path["import_error_id"]))
            return [(right, dag_id) for dag_id in dag_ids]
        case Dags.FILE:
            return [(right, dag_id) for dag_id in await _dags_of_token(state, path["file_token"])]
        case Dags.NONE | Dags.LIST:
            return []


def _bulk_subjects(right: Right, dag_id: str, body: Mapping[str, Any]) -> Iterator[Subject]:
    if dag_id != ANY_DAG:
        yield right, dag_id
    for action in _objects(body.get("actions")):
        done = Right(BULK_ACTIONS.get(_text(action.get("action")), Action.DELETE), right.resource)
        named = {_text(entity.get("dag_id")) for entity in _objects(action.get("entities"))}
        for each in named - {""} or {dag_id}:
            yield done, each
        if dag_id != ANY_DAG:  # whose runs may stand there by their bare ids
            yield done, dag_id


async def _dags_of_token(state: ApiState, file_token: str) -> Sequence[str]:
    try:
        return await dags_of_file(state["database"], state["signer"].verify_file_token(file_token))
    except InvalidToken:
        return []


async def _body(request: Request) -> Mapping[str, Any]:
    """The body's object; what is none, the operation refuses itself."""
    try:
        found = json.loads(await request.body())
    except (ValueError, RecursionError):
        return {}
    return cast("Mapping[str, Any]", found) if isinstance(found, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(text: str) -> int:
    """-1, which is no id, for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else -1
