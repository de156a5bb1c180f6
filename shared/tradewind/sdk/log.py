"""The logger of operators and hooks: standard logging that also takes values by name."""

import logging
from typing import Any, Final

FIELDS_ATTRIBUTE: Final = "tradewind_fields"
"""Name of the log record's attribute that holds the values given by name."""

_OWN_KEYWORDS: Final = ("exc_info", "stack_info", "stacklevel", "extra")


class TaskLogger(logging.LoggerAdapter[logging.Logger]):
    """`log.info("%s rows", n)` and `log.info("rows.loaded", count=n)`; the latter's values become fields."""

    def __init__(self, name: str) -> None:
        super().__init__(logging.getLogger(name), {})

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        """Move the values given by name into the record's fields."""
        fields = {name: kwargs.pop(name) for name in list(kwargs) if name not in _OWN_KEYWORDS}
        if fields:
            kwargs["extra"] = {**(kwargs.get("extra") or {}), FIELDS_ATTRIBUTE: fields}
        return msg, kwargs


class LoggingMixin:
    """Gives a class `self.log`."""

    def __init__(self, context: Any = None) -> None:
        super().__init__()

    @classmethod
    def logger(cls) -> TaskLogger:
        """The logger of the class."""
        return TaskLogger(f"{cls.__module__}.{cls.__qualname__}")

    @property
    def log(self) -> TaskLogger:
        """A logger named after the class."""
        return TaskLogger(f"{type(self).__module__}.{type(self).__qualname__}")
