"""How texts of Airflow's options become ours. None: such a value is of no use here, and counts as not given."""

from collections.abc import Callable
from typing import Final

Reading = Callable[[str], str | None]

_BROKERS: Final = {"amqp": "amqp", "pyamqp": "amqp", "amqps": "amqps", "redis": "redis", "rediss": "rediss"}
_POSTGRES: Final = ("postgresql", "postgres")
_TRUE: Final = ("true", "t", "1", "yes", "y", "on")


def as_it_is(text: str) -> str | None:
    """The text; an empty one says nothing."""
    return text if text.strip() else None


def postgres_url(text: str) -> str | None:
    """`postgresql+psycopg2://…` without the driver. SQLite and MySQL are not used."""
    scheme, separator, rest = text.strip().partition("://")
    return f"postgresql://{rest}" if separator and scheme.partition("+")[0] in _POSTGRES else None


def broker_url(text: str) -> str | None:
    """An address that Celery takes, if a bus of ours takes it, too."""
    scheme, separator, rest = text.strip().partition("://")
    ours = _BROKERS.get(scheme)
    return f"{ours}://{rest}" if separator and ours else None


def log_format(text: str) -> str | None:
    """`[logging] json_logs`."""
    return "json" if text.strip().lower() in _TRUE else "console"


def truth_or_nothing(text: str) -> str | None:
    """A truth value; `None` is written for none."""
    return None if text.strip().lower() in ("", "none") else text
