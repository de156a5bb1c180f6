"""What a launcher and its fork servers say to each other: one message per packet of a SOCK_SEQPACKET pair.

    launcher ──StartServer + control end──▶ root ──fork──▶ server of one DAG file
    launcher ──Fork + connection, log pipe / Signal / Drain──▶ server ──fork──▶ child, one per attempt
    launcher ◀──ServerStarted, perhaps Importing, then Ready or Unloadable, then Forked, Exited── server

The end of the stream without `Drain` means that the launcher is dead: a server then kills its children and leaves.
"""

from typing import Final, cast

from tradewind.wire.codec import decode
from tradewind.wire.messages import Message

PACKET_MAX_BYTES: Final = 64 * 1024


class StartServer(Message, frozen=True, tag="start_server.1"):
    """launcher → root, with the server's control end: fork a server for this DAG file."""

    path: str
    dags_folder: str
    preload: bool
    """False: the file is imported by each child, after the fork."""
    import_timeout_seconds: float
    tasks_per_child: int = 1
    """Attempts that one child may run, one after another; 0 = no limit."""
    child_bytes: int = 0
    """A child that takes more memory than this after an attempt runs no other; 0 = no limit."""
    child_growth_bytes: int = 0
    """Likewise of what it takes beyond what it began with."""
    async_notice_seconds: float = 0.0
    """A coroutine that keeps the others of its lane waiting so long is named; 0 = there is no lane."""
    async_stop_seconds: float = 0.0
    """Then it is stopped."""


class Fork(Message, frozen=True, tag="fork.1"):
    """launcher → server, with the child's end of the connection and of the log pipe: fork a child that awaits its
    request there."""

    child_id: int
    is_lane: bool = False
    """It runs coroutine tasks side by side: see `lane/`."""


class Signal(Message, frozen=True, tag="signal.1"):
    """launcher → server: send this signal to the child's process group."""

    child_id: int
    signum: int


class Drain(Message, frozen=True, tag="drain.1"):
    """launcher → server: leave once the last child has."""


class ServerStarted(Message, frozen=True, tag="server_started.1"):
    """server → launcher, first: about to import the DAG file."""

    pid: int


class Importing(Message, frozen=True, tag="importing.1"):
    """server → launcher: a policy lets the import take this long."""

    timeout_seconds: float


class TasksApart(Message, frozen=True, tag="tasks_apart.1"):
    """server → launcher, before `Ready`: these tasks are not run as others are."""

    dag_id: str
    task_ids: tuple[str, ...]
    is_lane: bool = False
    """They are coroutines for the lane; otherwise they demand a process of their own."""


class Ready(Message, frozen=True, tag="ready.1"):
    """server → launcher: forks from now on."""

    private_bytes: int
    """Memory that this server does not share with the root."""
    dependencies: tuple[tuple[str, int, int], ...]
    """Files of the DAGs folder that the import read besides the DAG file: path, mtime in ns, size in bytes."""


class Unloadable(Message, frozen=True, tag="unloadable.1"):
    """server → launcher, last: the file cannot be imported ahead of the fork."""

    reason: str


class Forked(Message, frozen=True, tag="forked.1"):
    """server → launcher: the child runs; it leads a process group of this number."""

    child_id: int
    pid: int


class Exited(Message, frozen=True, tag="exited.1"):
    """server → launcher: the child has ended and was waited for."""

    child_id: int
    code: int
    """Exit code, or minus the number of the signal that killed it."""
    max_rss_kb: int


ToServer = Fork | Signal | Drain
FromServer = ServerStarted | Importing | TasksApart | Ready | Unloadable | Forked | Exited


def decode_to_server(packet: bytes) -> ToServer:
    """What a launcher said to a server; raises `UndecodableMessage`."""
    return decode(packet, cast("type[ToServer]", ToServer))


def decode_from_server(packet: bytes) -> FromServer:
    """What a server said to its launcher; raises `UndecodableMessage`."""
    return decode(packet, cast("type[FromServer]", FromServer))
