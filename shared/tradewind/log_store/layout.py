"""Where the log of a try is kept in a log store: the layout that Airflow's users know."""

import re
from typing import Final
from urllib.parse import quote

_PLAIN: Final = re.compile(r"[^\w.~:+@=, -]")


def log_path(*, dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int) -> str:
    """`dag_id=…/run_id=…/task_id=…/[map_index=…/]attempt=….log`; no two tries have the same path. What an id holds
    besides letters, digits and `.~:+@=, _-` is percent-encoded: a slash in an id makes no folder."""
    parts = [f"dag_id={_safe(dag_id)}", f"run_id={_safe(run_id)}", f"task_id={_safe(task_id)}"]
    if map_index >= 0:
        parts.append(f"map_index={map_index}")
    return "/".join([*parts, f"attempt={try_number}.log"])


def _safe(name: str) -> str:
    return _PLAIN.sub(lambda found: quote(found[0], safe=""), name)
