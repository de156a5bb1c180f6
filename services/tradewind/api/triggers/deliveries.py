"""Deliveries to webhooks: whether they are to be trusted, what they ask for, and the run that they make, once."""

import hashlib
import json
import re
import secrets as random_secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, cast

from fastapi import Request

from tradewind.api.errors import BadRequest, RequestTooLarge, TooManyRequests, Unauthorized, UnsupportedMediaType
from tradewind.api.state import ApiState
from tradewind.api.triggers.keyed import trigger_keys
from tradewind.api.triggers.signatures import Format, is_signed, is_timely, signed_bytes
from tradewind.db.api.identity.logins import count_login
from tradewind.db.api.trigger_keys import TriggerKeys
from tradewind.db.api.webhooks import get_webhook
from tradewind.db.pool import Row

REPLAY_WINDOW_SECONDS: Final = 300.0
"""A sender's clock may be wrong by this much; nothing is taken that was signed longer ago."""
NOT_ACCEPTED: Final = "The delivery's signature was not accepted"
_DELIVERY_ID: Final = re.compile(r"[\x21-\x7e]{1,200}")
_RATE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One request to a webhook, as its headers name it."""

    signature: str
    timestamp: str
    delivery_id: str
    event: str | None
    body: bytes


def read_delivery(request: Request, form: Format, body: bytes) -> Delivery:
    """The parts of the request under the names of the webhook's format."""
    names = request.headers
    if form == "github":
        given = (names.get("x-hub-signature-256", ""), "", names.get("x-github-delivery", ""), "x-github-event")
    else:
        timestamp, delivery_id = names.get("x-tradewind-timestamp", ""), names.get("x-tradewind-delivery", "")
        given = (names.get("x-tradewind-signature", ""), timestamp, delivery_id, "x-tradewind-event")
    signature, timestamp, delivery_id, event = given
    return Delivery(
        signature=signature, timestamp=timestamp, delivery_id=delivery_id, event=names.get(event), body=body
    )


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The body; raises `RequestTooLarge` before more than that is held."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise RequestTooLarge(
                f"A delivery has at most {max_bytes} bytes (TRADEWIND__API_SERVER__MAX_WEBHOOK_BYTES)"
            )
    return bytes(body)


async def trusted(state: ApiState, name: str, request: Request, body: bytes) -> tuple[Row, Delivery]:
    """The webhook, and a delivery that was signed with one of its secrets. Raises `Unauthorized`, which says the same
    whether there is no such webhook or the signature is wrong."""
    row = await get_webhook(state["database"], name)
    form: Format = "tradewind" if row is None else row["format"]
    delivery = read_delivery(request, form, body)
    known = [random_secrets.token_hex()] if row is None else _secrets(state, row)
    is_right = is_signed(known, delivery.signature, signed_bytes(form, delivery.timestamp, body))
    if row is None or not is_right:
        raise Unauthorized(NOT_ACCEPTED)
    if form == "tradewind" and not is_timely(delivery.timestamp, state["clock"]().timestamp(), REPLAY_WINDOW_SECONDS):
        raise Unauthorized(
            f"The delivery was signed more than {REPLAY_WINDOW_SECONDS:g} s ago, or the sender's clock is wrong"
        )
    return row, delivery


def _secrets(state: ApiState, row: Row) -> list[str]:
    """Those that count now."""
    tokens = [row["secret"]]
    if row["previous_secret"] is not None and row["previous_ends_at"] > state["clock"]():
        tokens.append(row["previous_secret"])
    return [state["secrets"].decrypt(bytes(token)) for token in tokens]


async def count_delivery(state: ApiState, name: str) -> None:
    """Raises `TooManyRequests` if more came within a minute than may, over all processes of the API."""
    now = state["clock"]()
    limit = {hashlib.sha256(f"webhook:{name}".encode()).digest(): state["settings"].api_server.max_webhook_deliveries}
    again_at = await count_login(state["database"], limit, now, now + timedelta(seconds=_RATE_SECONDS))
    if again_at is not None:
        seconds = str(max(1, round((again_at - now).total_seconds())))
        raise TooManyRequests(
            f"Too many deliveries to the webhook {name!r}: try again in {seconds} s", headers={"Retry-After": seconds}
        )


def payload_of(request: Request, body: bytes) -> object:
    """The body as JSON; raises `UnsupportedMediaType` and `BadRequest`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMediaType("Deliveries are application/json: choose that content type where the webhook is set")
    try:
        return cast("object", json.loads(body, parse_constant=_refuse))
    except (ValueError, RecursionError) as exc:
        raise BadRequest(f"The delivery's body is not JSON: {exc}") from exc


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


def keys_of_delivery(state: ApiState, row: Row, delivery: Delivery) -> TriggerKeys:
    """What makes the delivery this one: its id; of a format that signs the time, its signature, too, so that nobody
    can send it again under another id. Raises `BadRequest`."""
    if delivery.delivery_id and not _DELIVERY_ID.fullmatch(delivery.delivery_id):
        raise BadRequest("A delivery's id is 1 to 200 visible ASCII characters, such as a UUID")
    if row["format"] == "github" and not delivery.delivery_id:
        raise BadRequest("A delivery of GitHub's has an id in the header X-GitHub-Delivery")
    keys = [f"id:{delivery.delivery_id}"] if delivery.delivery_id else []
    if row["format"] == "tradewind":
        signed = signed_bytes("tradewind", delivery.timestamp, delivery.body)
        keys.append(f"signed:{hashlib.sha256(signed).hexdigest()}")
    return trigger_keys(state, f"webhook:{row['name']}", keys, delivery.body)
