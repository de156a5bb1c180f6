"""Requests of Celery's remote control, as they are on the wire, and the answers to them. Pure."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec

from tradewind.wire.codec import UndecodableMessage
from tradewind.wire.envelope import Message

REQUESTS: Final = "celery.pidbox"
"""Fan-out exchange: requests to every worker."""
REPLIES: Final = "reply.celery.pidbox"
"""Direct exchange: answers, by the routing key that the request names."""

JSON: Final = "application/json"
_PATTERN_MAX_CHARACTERS: Final = 1_000
_encoder: Final = msgspec.json.Encoder()


class ReplyAddress(msgspec.Struct, frozen=True):
    """Where the answer goes."""

    exchange: str
    routing_key: str


class ControlRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One command."""

    method: str
    arguments: dict[str, Any] | None = None
    destination: tuple[str, ...] | None = None
    """Names of the workers that are meant; None: `pattern` says, or all are."""
    pattern: str | None = None
    matcher: str | None = None
    """`glob` or `pcre`."""
    ticket: str | None = None
    reply_to: ReplyAddress | None = None
    """None: nobody waits for an answer."""


_decoder: Final = msgspec.json.Decoder(ControlRequest)


def parse_request(message: Message) -> ControlRequest:
    """The request in a message; raises `UndecodableMessage`, whose text names what is wrong."""
    if message.content_type != JSON:
        raise UndecodableMessage(f"property `content_type`: {message.content_type!r} is not {JSON!r}")
    try:
        request = _decoder.decode(message.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise UndecodableMessage(f"body: not a request of Celery's remote control: {exc}") from exc
    if request.reply_to is not None and request.reply_to.exchange != REPLIES:
        raise UndecodableMessage(f"body: `reply_to` is exchange {request.reply_to.exchange!r}, not {REPLIES!r}")
    return request


def is_for(request: ControlRequest, names: Sequence[str]) -> bool:
    """Whether the worker of these names is meant. Raises `UndecodableMessage` for a pattern that is none."""
    if request.destination is not None:
        return any(name in request.destination for name in names)
    if request.pattern is None or request.matcher is None:
        return True
    return any(_matches(name, request.pattern, request.matcher) for name in names)


def _matches(name: str, pattern: str, matcher: str) -> bool:
    if len(pattern) > _PATTERN_MAX_CHARACTERS:
        raise UndecodableMessage(f"body: `pattern` has more than {_PATTERN_MAX_CHARACTERS} characters")
    match matcher:
        case "glob":
            return fnmatchcase(name, pattern)
        case "pcre":
            try:
                return re.match(pattern, name) is not None
            except re.error as exc:
                raise UndecodableMessage(f"body: `pattern` is no regular expression: {exc}") from exc
        case _:
            raise UndecodableMessage(f"body: `matcher` is {matcher!r}, neither 'glob' nor 'pcre'")


def reply_message(worker_id: str, answer: object, *, ticket: str | None, clock: int) -> Message:
    """The answer of one worker."""
    return Message(
        body=_encoder.encode({worker_id: answer}), content_type=JSON, headers={"ticket": ticket, "clock": clock}
    )
