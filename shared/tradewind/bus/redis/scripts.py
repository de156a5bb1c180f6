"""What must happen at one moment inside Redis, as Lua: one script a file under `lua/`.

Each is sent whole (`EVAL`): they run seldom, and a server that was restarted or flushed knows no digests.
"""

from collections.abc import Generator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from tradewind.bus.redis.driver import Command
from tradewind.bus.redis.keys import ENTRY_FIELD, GROUP, LINKS, OWNERS, QUEUE_PREFIX, SESSIONS, lease_key, queue_key

FOLDER: Final = Path(__file__).parent / "lua"

_PART_MESSAGES: Final = 500
_PART_BYTES: Final = 256 * 1024
"""What is added at one moment: Redis does nothing else meanwhile."""


@cache
def script(name: str) -> str:
    """The text of `lua/<name>.lua`; raises `FileNotFoundError` for a name that is not there."""
    return (FOLDER / f"{name}.lua").read_text(encoding="utf-8")


def add_entries(queue: str, messages: Sequence[bytes]) -> list[Command]:
    """Add these to the queue in as few commands as go well; each answers None if there is no queue."""
    key = queue_key(queue)
    commands: list[Command] = []
    for part in _parts(messages):
        if len(part) == 1:
            commands.append(("XADD", key, "NOMKSTREAM", "*", ENTRY_FIELD, part[0]))
        else:
            commands.append(_evaluation("add_entries", (key,), part))
    return commands


def _parts(messages: Sequence[bytes]) -> Generator[Sequence[bytes]]:
    start, size = 0, 0
    for place, message in enumerate(messages):
        size += len(message)
        if place + 1 - start >= _PART_MESSAGES or size >= _PART_BYTES:
            yield messages[start : place + 1]
            start, size = place + 1, 0
    if start < len(messages):
        yield messages[start:]


def declare_queue(queue: str, *, exclusive: bool, link: str, session: str = "") -> Command:
    """Make the queue if there is none, and register the session (if any) as its reader. Answers `ok`, `in use`, or
    `buried` if the link is taken for dead."""
    keys = (queue_key(queue), LINKS, OWNERS, SESSIONS)
    return _evaluation("declare_queue", keys, (GROUP, link, queue, int(exclusive), session))


def recover_entries(queues: Sequence[str]) -> Command:
    """Give back what no living session of these queues holds; answers how many entries these were."""
    return _evaluation("recover_entries", (LINKS, SESSIONS, *(queue_key(queue) for queue in queues)), (GROUP,))


def bury_link(link: str) -> Command:
    """Forget the link, its sessions and its exclusive queues."""
    return _evaluation("bury_link", (LINKS, SESSIONS, OWNERS, lease_key(link)), (link, QUEUE_PREFIX))


def _evaluation(name: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Command:
    return ("EVAL", script(name), len(keys), *keys, *arguments)
