"""What installed packages offer under names that others agreed on, found fast."""

import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

_GROUP = re.compile(rb"^\s*\[([^\]]+)\]", re.MULTILINE)


@cache
def installed_groups() -> frozenset[str]:
    """The groups of entry points that any distribution on the import path has; looked at once. Asking for entry points
    properly takes five times as long."""
    files = (file for entry in sys.path for file in Path(entry or ".").glob("*.dist-info/entry_points.txt"))
    return frozenset(group.decode().strip() for file in files for group in _GROUP.findall(file.read_bytes()))


def entry_points_of(group: str) -> Iterator[Any]:
    """The entry points of a group, not loaded."""
    if group in installed_groups():
        from importlib import metadata

        yield from metadata.entry_points(group=group)
