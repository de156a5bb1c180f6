"""What triggers log, kept apart by trigger; the end of it travels with the trigger's event."""

import io
import logging
from collections import deque
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tradewind.sdk.dag_file import user_traceback
from tradewind.sdk.log import FIELDS_ATTRIBUTE
from tradewind.sdk.masking import MASKER, redact
from tradewind.triggerer.child.steps import CURRENT_TRIGGER
from tradewind.triggerer.loop_cell import NOBODY

_ENCODER: Final = msgspec.json.Encoder(enc_hook=str)
LINE_MAX_CHARACTERS: Final = 16_384


class TriggerLogs(logging.Handler):
    """Takes the records of the trigger that is current; others are dropped."""

    def __init__(self, log_bytes: int) -> None:
        super().__init__()
        self._log_bytes = log_bytes
        self._lines: dict[int, deque[bytes]] = {}
        self._sizes: dict[int, int] = {}

    def open(self, trigger_id: int) -> None:
        """Begin to keep lines of this trigger."""
        self._lines[trigger_id], self._sizes[trigger_id] = deque(), 0

    def take(self, trigger_id: int) -> bytes:
        """All that is kept of it, as NDJSON; nothing is kept of it any more."""
        self._sizes.pop(trigger_id, None)
        return b"".join(self._lines.pop(trigger_id, ()))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        trigger_id = CURRENT_TRIGGER.get()
        if trigger_id == NOBODY or trigger_id not in self._lines:
            return
        fields: dict[str, Any] = getattr(record, FIELDS_ATTRIBUTE, {})
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "event": MASKER.redact(record.getMessage())[:LINE_MAX_CHARACTERS],
            "logger": record.name,
            **{name: redact(value, name) for name, value in fields.items()},
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = MASKER.redact(user_traceback(record.exc_info[1]))
        self._keep(trigger_id, line)

    def write_text(self, text: str) -> None:
        """Keep what was printed."""
        trigger_id = CURRENT_TRIGGER.get()
        if trigger_id != NOBODY and trigger_id in self._lines and text.strip():
            now = datetime.now(UTC).isoformat()
            self._keep(trigger_id, {"timestamp": now, "level": "info", "event": MASKER.redact(text.rstrip("\n"))})

    def _keep(self, trigger_id: int, line: dict[str, Any]) -> None:
        try:
            text = _ENCODER.encode(line) + b"\n"
        except (TypeError, ValueError, OverflowError):
            text = _ENCODER.encode({"event": ascii(line)}) + b"\n"
        lines = self._lines[trigger_id]
        lines.append(text)
        self._sizes[trigger_id] += len(text)
        while self._sizes[trigger_id] > self._log_bytes and lines:
            self._sizes[trigger_id] -= len(lines.popleft())


class PrintedText(io.TextIOBase):
    """`sys.stdout` of the child."""

    def __init__(self, logs: TriggerLogs) -> None:
        self._logs = logs

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str, /) -> int:
        """Keep it as the current trigger's."""
        self._logs.write_text(text)
        return len(text)
