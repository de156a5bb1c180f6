"""The names of everything that the bus keeps in Redis."""

from typing import Final

QUEUE_PREFIX: Final = "tradewind:queue:"
LINKS: Final = "tradewind:links"
SESSIONS: Final = "tradewind:sessions"
OWNERS: Final = "tradewind:owners"
UNDERTAKER: Final = "tradewind:undertaker"

GROUP: Final = "tradewind"
"""The one consumer group of each stream."""

RETURNED: Final = "returned"
"""The consumer to whom requeued entries are moved, so that they are given back like those of a dead one."""

ENTRY_FIELD: Final = "m"
"""An entry's message; see `tradewind.bus.redis.entry`."""

REDELIVERED_FIELD: Final = "r"
"""Set on entries that were delivered before: milliseconds since the epoch when the message was first added."""


def queue_key(queue: str) -> str:
    """The stream of this queue."""
    return QUEUE_PREFIX + queue


def lease_key(link: str) -> str:
    """What a living link renews."""
    return f"tradewind:lease:{link}"


def topic_channel(database: int, topic: str) -> str:
    """Where broadcasts go. Channels, unlike keys, are common to all databases of a server."""
    return f"tradewind:{database}:topic:{topic}"


def answers_channel(database: int, link: str) -> str:
    """Where answers to this link's requests go."""
    return f"tradewind:{database}:answers:{link}"
