"""Ids of events: how far a client has come, as text that it hands back unread."""

import re
from typing import Final

from tradewind.api.errors import BadRequest
from tradewind.db.api.changes import Place

MAX_LENGTH: Final = 8_000
_NUMBER: Final = r"\d{1,18}"
_SNAPSHOT: Final = rf"{_NUMBER}:{_NUMBER}:(?:{_NUMBER}(?:,{_NUMBER})*)?"
_ID: Final = re.compile(rf"({_SNAPSHOT})/({_NUMBER})(?:/({_SNAPSHOT})/({_NUMBER}))?", re.ASCII)


def id_of(place: Place) -> str:
    """The id of the event that was the last one read there."""
    whole = f"{place.since}/{place.floor}"
    return whole if place.upto is None else f"{whole}/{place.upto}/{place.seq}"


def place_of(event_id: str) -> Place:
    """Where to go on after this event; raises `BadRequest`."""
    found = _ID.fullmatch(event_id) if len(event_id) <= MAX_LENGTH else None
    if found is None:
        raise BadRequest("The last event id is none that was given here: leave it out to begin with what comes now")
    since, floor, upto, seq = found.groups()
    return Place(since, int(floor)) if upto is None else Place(since, int(floor), upto, int(seq))
