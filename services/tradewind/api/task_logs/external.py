"""The address under which another system shows a log."""

import re
from typing import Final
from urllib.parse import quote

from tradewind.db.api.task_logs import TryKey

_PLACES: Final = re.compile(r"\{(dag_id|run_id|task_id|map_index|try_number)\}")


def external_url(template: str, key: TryKey) -> str:
    """The template with its places filled, each value quoted whole; other braces are the other system's own."""
    return _PLACES.sub(lambda match: quote(str(getattr(key, match[1])), safe=""), template)
