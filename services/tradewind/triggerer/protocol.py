"""What the service and a child that runs triggers say to each other, framed as in `task_runner.frames`."""

from typing import cast
from uuid import UUID

from tradewind.wire.codec import decode
from tradewind.wire.messages import Message

Roots = tuple[tuple[str, str], ...]
"""Folders of DAG files, each with what names of its files begin with; what comes first is imported from."""


class ChildSetup(Message, frozen=True, tag="child_setup.1"):
    """service → child, first."""

    execution_api_url: str
    roots: Roots
    kill_seconds: float
    """How long a trigger's `on_kill` may take."""
    log_bytes: int
    """What is kept of one trigger's log: its end."""
    dags_folder: str = ""
    """Of the deployment: plugins are found beside it, wherever the code of a bundle lies."""


class RunTrigger(Message, frozen=True, tag="run_trigger.1"):
    """service → child."""

    id: int
    """Of this start: a trigger that is stopped and started again has another one."""
    trigger_id: int
    classpath: str
    kwargs: bytes
    """JSON text as `tradewind.sdk.serde` has it."""
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    attempt_id: UUID
    token: str
    """With which the trigger speaks to the execution API on behalf of the deferred attempt."""
    relative_fileloc: str
    is_watcher: bool = False
    """It watches an asset, and fires again and again until it is stopped; there is no task, and no token."""


class StopTrigger(Message, frozen=True, tag="stop_trigger.1"):
    """service → child: end it. `by_person`: nobody wants what it waits for any more, so that `on_kill` is called."""

    id: int
    by_person: bool = False


class ChildReady(Message, frozen=True, tag="child_ready.1"):
    """child → service, once: it can run triggers."""


class TriggerFired(Message, frozen=True, tag="trigger_fired.1"):
    """child → service: the first event of a trigger, which has nothing more to say; or one of a watcher."""

    id: int
    event: bytes
    """JSON text."""
    state: str = "scheduled"
    """Or the state in which the task ends by this."""
    xcoms: tuple[tuple[str, bytes], ...] = ()
    log: bytes = b""
    """NDJSON lines."""


class TriggerFailed(Message, frozen=True, tag="trigger_failed.1"):
    """child → service: it raised, could not be made, or ended without an event."""

    id: int
    traceback: tuple[str, ...]
    log: bytes = b""


class TriggerStopped(Message, frozen=True, tag="trigger_stopped.1"):
    """child → service: it ended because it was told to."""

    id: int
    """As in `RunTrigger`, in every message."""


ToChild = ChildSetup | RunTrigger | StopTrigger
FromChild = ChildReady | TriggerFired | TriggerFailed | TriggerStopped


def decode_to_child(body: bytes) -> ToChild:
    """What the service said; raises `UndecodableMessage`."""
    return decode(body, cast("type[ToChild]", ToChild))


def decode_from_child(body: bytes) -> FromChild:
    """What a child said; raises `UndecodableMessage`."""
    return decode(body, cast("type[FromChild]", FromChild))
