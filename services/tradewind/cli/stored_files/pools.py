"""Files of pools: name → `{"slots": …, "description": …, "include_deferred": …}`, as JSON."""

import json
from collections.abc import Mapping
from typing import NamedTuple, cast

from tradewind.cli.stored_files.texts import parsed


class Pool(NamedTuple):
    """A pool's size, and what counts in it."""

    slots: int
    description: str | None = None
    include_deferred: bool = False


def read_pools(text: str) -> tuple[dict[str, Pool], list[str]]:
    """Pools by name, and the names of entries that are none: slots and description must be there. Raises
    `FileProblem`."""
    found = {name: _pool(entry) for name, entry in parsed(text, "json").items()}
    good = {name: pool for name, pool in found.items() if pool is not None}
    return good, [name for name in found if name not in good]


def write_pools(pools: Mapping[str, Pool]) -> str:
    """A file of JSON."""
    return json.dumps({name: pool._asdict() for name, pool in pools.items()}, sort_keys=True, indent=4)


def _pool(entry: object) -> Pool | None:
    if not isinstance(entry, dict):
        return None
    given = cast("dict[str, object]", entry)
    match given.get("slots"), given.get("description", False), given.get("include_deferred", False):
        case bool(), _, _:
            return None
        case int() as slots, (str() | None) as description, bool() as include_deferred:
            return Pool(slots, description, include_deferred)
        case _:
            return None
