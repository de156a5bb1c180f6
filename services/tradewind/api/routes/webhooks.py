"""`/api/v2/webhooks`: who outside may trigger which DAG, and their deliveries."""

import secrets as random_secrets
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from tradewind.api.access.auditing import begin_audit, is_joined, joined, name_owner
from tradewind.api.access.rules import Door, Rule
from tradewind.api.dependencies import StateDep, UserDep
from tradewind.api.errors import AlreadyExists, Unprocessable, documented
from tradewind.api.models.base import HTTPExceptionResponse
from tradewind.api.models.dag_runs import TriggerDAGRunPostBody
from tradewind.api.models.queries import MAXIMUM_PAGE_LIMIT, NonNegative
from tradewind.api.models.webhooks import (
    DeliveryResponse,
    RotateBody,
    WebhookBody,
    WebhookCollectionResponse,
    WebhookResponse,
    WebhookSecretResponse,
)
from tradewind.api.state import ApiState
from tradewind.api.triggers.deliveries import (
    Delivery,
    count_delivery,
    keys_of_delivery,
    payload_of,
    read_body,
    trusted,
)
from tradewind.api.triggers.keyed import first_run, stored_keyed_run
from tradewind.api.triggers.payloads import NotInPayload, conf_of
from tradewind.api.triggers.preparing import prepared_run
from tradewind.core.errors import NotFound
from tradewind.db.api import webhooks as queries
from tradewind.db.api.dags import NewDagRun
from tradewind.db.api.webhooks import NewWebhook
from tradewind.db.pool import Row
from tradewind.service.logging import get_logger

router = APIRouter(prefix="/api/v2/webhooks", tags=["Webhook"])
deliveries = APIRouter(prefix="/api/v2/webhooks", tags=["Webhook"])

PING: Final = "ping"
"""GitHub says so that it has been told of the webhook."""
CHANGES: Final = Rule(door=Door.OPEN, is_change=True)
"""A delivery is written to the audit log once its signature was accepted: anybody can send others."""
Limit = Annotated[int, Query(ge=0, lt=2**31)]
OTHERS: Final = {
    status: {"model": HTTPExceptionResponse, "description": text}
    for status, text in ((413, "Content Too Large"), (415, "Unsupported Media Type"), (429, "Too Many Requests"))
}


@router.get("")
async def get_webhooks(state: StateDep, limit: Limit = 50, offset: NonNegative = 0) -> WebhookCollectionResponse:
    """A page of webhooks by name, without their secrets."""
    rows, total = await queries.list_webhooks(state["database"], min(limit, MAXIMUM_PAGE_LIMIT), offset)
    return WebhookCollectionResponse(webhooks=[_shown(row) for row in rows], total_entries=total)


@router.post("", status_code=201, responses=documented(404, 409))
async def post_webhook(body: WebhookBody, state: StateDep, user: UserDep) -> WebhookSecretResponse:
    """Make a webhook. Its secret is in this answer and in no other."""
    secret = body.secret or _made_up()
    webhook = NewWebhook(
        **body.model_dump(exclude={"secret"}),
        secret=state["secrets"].encrypt(secret),
        created_by=user.username,
        created_at=state["clock"](),
    )
    match await queries.insert_webhook(state["database"], webhook):
        case "exists":
            raise AlreadyExists(f"The webhook {body.name!r} exists already")
        case "no dag":
            raise NotFound(f"The DAG with dag_id {body.dag_id!r} was not found")
        case "written":
            return await _with_secret(state, body.name, secret)


@router.get("/{name}", responses=documented(404))
async def get_webhook(name: str, state: StateDep) -> WebhookResponse:
    """One webhook, without its secret."""
    return _shown(await _existing(state, name))


@router.post("/{name}/rotate", responses=documented(404))
async def rotate_webhook(name: str, body: RotateBody, state: StateDep) -> WebhookSecretResponse:
    """Give the webhook another secret, which is in this answer and in no other. The one that it had counts beside it
    for a while, so that senders can be changed without a gap; one that it had before that does not."""
    secret, now = body.secret or _made_up(), state["clock"]()
    valid = body.previous_secret_valid_seconds
    previous_ends_at = now + timedelta(seconds=valid) if valid else None
    encrypted = state["secrets"].encrypt(secret)
    if not await queries.rotate_webhook(state["database"], name, encrypted, now, previous_ends_at):
        raise _not_found(name)
    return await _with_secret(state, name, secret)


@router.delete("/{name}", status_code=204, responses=documented(404))
async def delete_webhook(name: str, state: StateDep) -> Response:
    """Remove the webhook; what it has triggered runs on."""
    if not await queries.delete_webhook(state["database"], name):
        raise _not_found(name)
    return Response(status_code=204)


@deliveries.post("/{name}", responses={**documented(400, 401, 404, 409), **OTHERS})
async def deliver_webhook(
    name: Annotated[str, Path(max_length=250)], request: Request, state: StateDep
) -> DeliveryResponse:
    """Trigger the webhook's DAG. Who delivers needs no login, but signs the body with the webhook's secret: see
    docs/events.md. The same delivery again is answered with the run that it made."""
    body = await read_body(request, state["settings"].api_server.max_webhook_bytes)
    webhook, delivery = await trusted(state, name, request, body)
    await begin_audit(request, "deliver_webhook", CHANGES, None)
    name_owner(request, _owner(name))
    await count_delivery(state, name)
    if _is_ignored(webhook, delivery.event):
        return DeliveryResponse(outcome="ignored", dag_id=webhook["dag_id"], dag_run_id=None)
    return await _triggered(state, request, webhook, delivery)


async def _triggered(state: ApiState, request: Request, webhook: Row, delivery: Delivery) -> DeliveryResponse:
    dag_id = webhook["dag_id"]
    keys = keys_of_delivery(state, webhook, delivery)
    try:
        conf = conf_of(payload_of(request, delivery.body), delivery.event, webhook["conf_map"])
    except NotInPayload as exc:
        raise Unprocessable(str(exc)) from exc
    if (first := await first_run(state, keys)) is not None:
        return _answer("replayed", dag_id, first["dag_run_id"])
    asked = TriggerDAGRunPostBody(conf=conf)
    run, _ = await prepared_run(state, dag_id, asked, _owner(webhook["name"]), "rest_api")
    made = await stored_keyed_run(state, replace(run, event=joined(request, status=200)), asked, keys)
    if not isinstance(made, NewDagRun):
        return _answer("replayed", dag_id, made["dag_run_id"])
    is_joined(request)
    state["announcer"].dag_runs_created((dag_id,))
    get_logger().info("dag_run.created", dag_id=dag_id, run_id=made.run_id, webhook=webhook["name"])
    return _answer("triggered", dag_id, made.run_id)


def _is_ignored(webhook: Row, event: str | None) -> bool:
    if webhook["format"] == "github" and event == PING:
        return True
    return webhook["events"] is not None and event not in webhook["events"]


def _answer(outcome: Literal["triggered", "replayed"], dag_id: str, dag_run_id: str) -> DeliveryResponse:
    return DeliveryResponse(outcome=outcome, dag_id=dag_id, dag_run_id=dag_run_id)


async def _existing(state: ApiState, name: str) -> Row:
    row = await queries.get_webhook(state["database"], name)
    if row is None:
        raise _not_found(name)
    return row


async def _with_secret(state: ApiState, name: str, secret: str) -> WebhookSecretResponse:
    shown = _shown(await _existing(state, name))
    return WebhookSecretResponse(**shown.model_dump(), secret=secret)


def _shown(row: Row) -> WebhookResponse:
    return WebhookResponse.model_validate({**dict(row.items()), "path": f"{router.prefix}/{row['name']}"})


def _not_found(name: str) -> NotFound:
    return NotFound(f"The webhook {name!r} was not found")


def _owner(name: str) -> str:
    """Who the runs and the audit log say it was."""
    return f"webhook:{name}"


def _made_up() -> str:
    return f"whsec_{random_secrets.token_urlsafe(32)}"
