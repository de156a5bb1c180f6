"""The real clock and id factory."""

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def utc_now() -> datetime:
    """The system's time, aware, UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A fresh UUIDv7."""
    return uuid7()
