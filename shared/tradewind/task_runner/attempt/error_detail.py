"""An exception as Airflow's log records hold it under `error_detail`: what was raised, then what it came from."""

import traceback
from typing import Any, Final

from tradewind.sdk.dag_file import stripped_traceback
from tradewind.sdk.masking import MASKER

_FRAMES_MAX: Final = 30
_LINKS_MAX: Final = 20


def error_detail(error: BaseException) -> list[dict[str, Any]]:
    """One entry per exception of the chain, without secrets and without frames of Tradewind; the first and last
    frames of a deep stack."""
    return _chain(stripped_traceback(error))


def _chain(formatted: traceback.TracebackException) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    link: traceback.TracebackException | None = formatted
    is_cause = False
    while link is not None and len(entries) < _LINKS_MAX:
        entries.append(_entry(link, is_cause=is_cause))
        is_cause = link.__cause__ is not None
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return entries


def _entry(link: traceback.TracebackException, *, is_cause: bool) -> dict[str, Any]:
    inner = link.exceptions or ()
    return {
        "exc_type": getattr(link.exc_type, "__name__", "Exception"),
        "exc_value": MASKER.redact(str(link)),
        "exc_notes": [MASKER.redact(str(note)) for note in getattr(link, "__notes__", None) or ()],
        "syntax_error": _syntax_error(link),
        "is_cause": is_cause,
        "frames": _frames(link.stack),
        "is_group": bool(inner),
        "exceptions": [_chain(each) for each in inner[:_LINKS_MAX]],
    }


def _frames(stack: traceback.StackSummary) -> list[dict[str, Any]]:
    frames = [{"filename": frame.filename, "lineno": frame.lineno or 0, "name": frame.name} for frame in stack]
    if len(frames) <= _FRAMES_MAX:
        return frames
    half = _FRAMES_MAX // 2
    skipped = {"filename": "", "lineno": -1, "name": f"Skipped frames: {len(frames) - 2 * half}"}
    return [*frames[:half], skipped, *frames[-half:]]


def _syntax_error(link: traceback.TracebackException) -> dict[str, Any] | None:
    message = getattr(link, "msg", None)
    if message is None:
        return None
    return {
        "offset": int(link.offset or 0),
        "filename": link.filename or "?",
        "line": link.text or "",
        "lineno": int(link.lineno or 0),
        "msg": MASKER.redact(message),
    }
