"""What a supervisor and the process of a lane say to each other, in frames over their socket pair.

supervisor ──AttemptRequest / CancelAttempt──▶ lane
supervisor ◀──TaskStarted, then AttemptOutput, then AttemptEnd, after one with overtime AttemptGone── lane
supervisor ◀──LoopBlocked, LoopFree── lane
"""

from typing import cast
from uuid import UUID

from tradewind.task_runner.protocol import AttemptRequest, AttemptResult
from tradewind.wire.codec import decode
from tradewind.wire.messages import Message, TaskStarted


class CancelAttempt(Message, frozen=True, tag="cancel_attempt.1"):
    """supervisor → lane: cancel this attempt's coroutine."""

    attempt_id: UUID


class AttemptOutput(Message, frozen=True, tag="attempt_output.1"):
    """lane → supervisor: what the attempt wrote, as a child writes it to its log pipe."""

    attempt_id: UUID
    data: bytes


class AttemptEnd(Message, frozen=True, tag="attempt_end.1"):
    """lane → supervisor: how it ended. With `overtime_seconds`, `AttemptGone` follows."""

    attempt_id: UUID
    result: AttemptResult


class AttemptGone(Message, frozen=True, tag="attempt_gone.1"):
    """lane → supervisor: the callbacks of its end have been called."""

    attempt_id: UUID


class LoopBlocked(Message, frozen=True, tag="loop_blocked.1"):
    """lane → supervisor: no other attempt has had its turn for so long."""

    attempt_id: UUID | None
    """Whose code it is; None = it is not known."""
    seconds: float
    where: str
    """File, line and function, the innermost last."""
    is_hopeless: bool = False
    """It could not be interrupted: the lane ends."""


class LoopFree(Message, frozen=True, tag="loop_free.1"):
    """lane → supervisor: the loop goes on."""


ToLane = AttemptRequest | CancelAttempt
FromLane = TaskStarted | AttemptOutput | AttemptEnd | AttemptGone | LoopBlocked | LoopFree


def decode_to_lane(body: bytes) -> ToLane:
    """What a supervisor said; raises `UndecodableMessage`."""
    return decode(body, cast("type[ToLane]", ToLane))


def decode_from_lane(body: bytes) -> FromLane:
    """What a lane said; raises `UndecodableMessage`."""
    return decode(body, cast("type[FromLane]", FromLane))
