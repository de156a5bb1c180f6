"""What of a delivery's payload becomes the conf of the run. Pure."""

from collections.abc import Mapping
from typing import cast


class NotInPayload(Exception):
    """The payload has nothing at a path."""

    def __init__(self, key: str, path: str) -> None:
        super().__init__(f"The payload has nothing at {path!r}, which the webhook's conf_map wants for {key!r}")


def conf_of(payload: object, event: str | None, conf_map: Mapping[str, str] | None) -> dict[str, object]:
    """Each key of the map gets what stands at its path; without a map, the payload is in the key `payload`, and the
    event, if the delivery names one, in `event`. Raises `NotInPayload`."""
    if conf_map is None:
        return {"payload": payload} if event is None else {"payload": payload, "event": event}
    return {key: _at(payload, key, path) for key, path in conf_map.items()}


def _at(payload: object, key: str, path: str) -> object:
    found = payload
    for step in path.split(".") if path else ():
        if isinstance(found, dict) and step in found:
            found = cast("dict[str, object]", found)[step]
        elif isinstance(found, list) and step.isascii() and step.isdigit() and len(step) < 10:
            items = cast("list[object]", found)
            if int(step) >= len(items):
                raise NotInPayload(key, path)
            found = items[int(step)]
        else:
            raise NotInPayload(key, path)
    return found
