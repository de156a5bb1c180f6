"""How a wrong setting is reported; apart from the rest of a process's life, because each command begins with it."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, TypeVar

from tradewind.core.errors import ConfigError

ErrorT = TypeVar("ErrorT", bound=BaseException)

CONFIG_ERROR_EXIT_CODE: Final = 2


@contextmanager
def config_errors_reported() -> Generator[None]:
    """A `ConfigError`, also inside a group, is printed as one line on stderr and ends the process with code 2."""
    try:
        yield
    except (ConfigError, BaseExceptionGroup) as exc:
        config_error = find_error(exc, ConfigError)
        if config_error is None:
            raise
        sys.stderr.write(f"tradewind: {config_error}\n")
        raise SystemExit(CONFIG_ERROR_EXIT_CODE) from exc


def find_error(exc: BaseException, kind: type[ErrorT]) -> ErrorT | None:
    """The first error of this kind in an exception or (nested) exception group."""
    if isinstance(exc, kind):
        return exc
    if isinstance(exc, BaseExceptionGroup):
        members: tuple[BaseException, ...] = exc.exceptions  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - the group's type parameter is erased by isinstance
        return next((found for member in members if (found := find_error(member, kind)) is not None), None)
    return None
