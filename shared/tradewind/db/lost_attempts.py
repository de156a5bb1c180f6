"""The last word in the log of an attempt whose worker is gone: nobody else can say it."""

from datetime import datetime
from typing import Final

import msgspec

from tradewind.core.states import EndCause

LAST_CHUNK: Final = 2**31 - 1
"""Its number: that of any chunk of the worker's own is smaller."""


def lost_worker_log(worker_id: str | None, now: datetime) -> bytes:
    """One record, with its line end."""
    worker = worker_id or "its worker"
    record = {
        "timestamp": now,
        "level": "error",
        "event": f"Worker lost: {worker} said nothing of this attempt for a whole lease, so it has ended here. "
        "If it still runs, nothing that it writes counts",
        "logger": "tradewind.collector",
        "cause": EndCause.WORKER_LOST,
    }
    return msgspec.json.encode(record) + b"\n"
