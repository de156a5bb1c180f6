"""Service logs: structlog, one line per state change, event names `noun.verb`, values as fields."""

import logging
import sys
from typing import TYPE_CHECKING, TextIO

from tradewind.service.lean_imports import not_installed

if TYPE_CHECKING:
    from tradewind.service.settings import LogSettings

# Coloured tracebacks, which services do not print, and greenlets, of which they have none, cost each process 6 MB.
with not_installed("rich", "greenlet"):
    import structlog
    from structlog.typing import FilteringBoundLogger, Processor


def configure_logging(settings: "LogSettings", *, service: str, stream: TextIO | None = None) -> None:
    """Send structlog's and the standard library's records to `stream` (default stdout), as JSON or for people.

    Called once, by a composition root. Libraries' own records below WARNING are dropped.
    """
    level = logging.getLevelNamesMapping().get(settings.level.upper(), logging.INFO)
    out = sys.stdout if stream is None else stream
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, *_renderers(settings.format)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    bind_log_values(service=service)
    _route_standard_library(shared, settings.format, out, level)


def get_logger(**values: object) -> FilteringBoundLogger:
    """A logger with these values bound to each of its lines."""
    return structlog.get_logger(**values)


def bind_log_values(**values: object) -> None:
    """Bind these values to every line of the task that calls, and of the tasks that it starts from now on."""
    structlog.contextvars.bind_contextvars(**values)


def _renderers(log_format: str) -> list[Processor]:
    if log_format == "console":
        return [structlog.dev.ConsoleRenderer(colors=False)]
    return [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(default=str)]


def _route_standard_library(shared: list[Processor], log_format: str, out: TextIO, level: int) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(log_format)],
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
