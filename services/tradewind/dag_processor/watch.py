"""File events of one root, handed to the examiner. Whatever they miss, the periodic listing finds."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Final

from watchfiles import awatch  # pyright: ignore[reportUnknownVariableType] - one of its optional types is not installed

from tradewind.dag_processor.inbox import Inbox
from tradewind.service.dag_roots import DagRoot
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger

QUIET_MS: Final = 50
"""An event is handed on once nothing more has happened for this long: an editor's write is several events."""
LONGEST_WAIT_MS: Final = 250
"""… but no later than this after the first."""
IDENTITY_CHECK_MS: Final = 1000
"""How often the root is checked for having been replaced (a link to another folder, a volume mounted over it)."""
RETRY_SECONDS: Final = 30.0
"""After the system has refused to watch."""


async def watch_root(root: DagRoot, inbox: Inbox, stop: asyncio.Event, touch: Callable[[], object]) -> None:
    """Touch what changes under the root until `stop`, and call `touch` then; survives the root's absence, return and
    replacement."""
    log = get_logger(path=str(root.folder))
    missing = False
    while not stop.is_set():
        identity = _identity(root.folder)
        if identity is None:
            if not missing:
                log.warning("dags_folder.missing", advice="make it, or set TRADEWIND__CORE__DAGS_FOLDER")
            missing = True
            await pause(stop, IDENTITY_CHECK_MS / 1000)
            continue
        missing = False
        try:
            await _watch(root, identity, inbox, stop, touch)
        except (OSError, RuntimeError) as exc:
            log.warning(
                "dags_folder.unwatchable",
                error=str(exc),
                advice="raise fs.inotify.max_user_watches and fs.inotify.max_user_instances; "
                "until then changes are found by the periodic listing",
            )
            await pause(stop, RETRY_SECONDS)


async def _watch(
    root: DagRoot, identity: tuple[int, int], inbox: Inbox, stop: asyncio.Event, touch: Callable[[], object]
) -> None:
    events = awatch(
        root.folder,
        watch_filter=None,
        debounce=LONGEST_WAIT_MS,
        step=QUIET_MS,
        stop_event=stop,
        rust_timeout=IDENTITY_CHECK_MS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    is_first = True
    async with aclosing(events):
        async for changes in events:
            if is_first:
                inbox.list_folders()  # what changed before the watch stood
                is_first = False
            if changes:
                touch()
                inbox.touch(Path(path) for path in sorted(path for _change, path in changes))
            if _identity(root.folder) != identity:
                inbox.list_folders()
                touch()
                return


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if folder.is_dir() else None
