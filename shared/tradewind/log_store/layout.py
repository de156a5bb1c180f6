"""Where the log of a try is kept in a log store: the layout that Airflow's users know."""

import hashlib
import re
from typing import Final
from urllib.parse import quote

_PART_MAX_BYTES: Final = 255
"""Of a file's or folder's name; an id may have 250 characters."""

_PLAIN: Final = re.compile(r"[^\w.~:+@=, -]")


def log_path(*, dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int) -> str:
    """`dag_id=…/run_id=…/task_id=…/[map_index=…/]attempt=….log`; no two tries have the same path. What an id holds
    besides letters, digits and `.~:+@=, _-` is percent-encoded: a slash in an id makes no folder. An id
    too long for a folder's name is cut, and ends with a digest of it."""
    parts = [_part("dag_id", dag_id), _part("run_id", run_id), _part("task_id", task_id)]
    if map_index >= 0:
        parts.append(f"map_index={map_index}")
    return "/".join([*parts, f"attempt={try_number}.log"])


def _part(name: str, value: str) -> str:
    part = f"{name}={_PLAIN.sub(lambda found: quote(found[0], safe=''), value)}"
    if len(part.encode()) <= _PART_MAX_BYTES:
        return part
    digest = hashlib.sha256(value.encode()).hexdigest()[:16]
    return f"{part.encode()[: _PART_MAX_BYTES - 20].decode(errors='ignore')}...{digest}"
