"""What a message looks like in the dead-letter queue, whichever bus it came by."""

from dataclasses import replace
from typing import Final

from tradewind.bus.port import Delivery, Message

_MAX_REASON_CHARACTERS: Final = 2_000
"""Headers must fit into one frame of a broker."""


def dead_letter_of(delivery: Delivery, reason: str) -> Message:
    """The message as delivered, body and headers intact, with headers `x-reason` and `x-source-queue`; durable, and
    asking for no answer."""
    headers = {
        **delivery.message.headers,
        "x-reason": reason[:_MAX_REASON_CHARACTERS],
        "x-source-queue": delivery.queue,
    }
    return replace(delivery.message, headers=headers, reply_to=None, persistent=True)
