"""What goes around a body on the way through a broker."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A body with the properties that AMQP 0-9-1 gives it."""

    body: bytes
    content_type: str = "application/x-msgpack"
    content_encoding: str = "utf-8"
    headers: Mapping[str, object] = field(default_factory=dict[str, object])
    correlation_id: str | None = None
    reply_to: str | None = None
    priority: int = 0
    """0 to 255; only queues that were declared with priorities heed it."""
    persistent: bool = False
