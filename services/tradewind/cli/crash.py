"""What ends a process of several services."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from tradewind.core.errors import TradewindError
from tradewind.service.config_errors import find_error

CRASHED_EXIT_CODE: Final = 1


class ServiceCrashed(TradewindError):
    """A service ended by itself."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(f"the {service} crashed ({reason}), so everything was stopped")


@contextmanager
def crashes_reported() -> Generator[None]:
    """A `ServiceCrashed` in a group is printed as one line on stderr (its traceback is in the log) and ends the
    process with code 1."""
    try:
        yield
    except BaseExceptionGroup as group:
        crash = find_error(group, ServiceCrashed)
        if crash is None:
            raise
        sys.stderr.write(f"tradewind: {crash}\n")
        raise SystemExit(CRASHED_EXIT_CODE) from group
