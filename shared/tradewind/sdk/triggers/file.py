"""Triggers that wait for a file."""

import asyncio
from collections.abc import AsyncIterator
from glob import glob
from pathlib import Path
from typing import Any

from tradewind.sdk.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent


def found_files(pattern: str, *, recursive: bool) -> list[Path]:
    """The files that a path or glob pattern names; a folder stands for what is in it, however deep."""
    paths = [Path(name) for name in glob(pattern, recursive=recursive)]  # noqa: PTH207 - the pattern may be absolute
    return [file for path in paths for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]


class FileTrigger(BaseTrigger):
    """Fires with True once there is a file at the path (a glob pattern; a folder counts if a file is in it)."""

    def __init__(self, filepath: str, recursive: bool = False, poke_interval: float = 5.0, **kwargs: Any) -> None:
        super().__init__()
        self.filepath, self.recursive, self.poke_interval = filepath, recursive, poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        arguments = {"filepath": self.filepath, "recursive": self.recursive, "poke_interval": self.poke_interval}
        return "airflow.providers.standard.triggers.file.FileTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look every `poke_interval` seconds."""
        while not await asyncio.to_thread(found_files, self.filepath, recursive=self.recursive):  # noqa: ASYNC110
            await asyncio.sleep(self.poke_interval)
        yield TriggerEvent(True)


class FileDeleteTrigger(BaseEventTrigger):
    """Fires once there is a file at the path, and removes it: for watching assets."""

    def __init__(self, filepath: str, poke_interval: float = 5.0, **kwargs: Any) -> None:
        super().__init__()
        self.filepath, self.poke_interval = filepath, poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        arguments = {"filepath": self.filepath, "poke_interval": self.poke_interval}
        return "airflow.providers.standard.triggers.file.FileDeleteTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look every `poke_interval` seconds."""
        while not await asyncio.to_thread(self._take):  # noqa: ASYNC110
            await asyncio.sleep(self.poke_interval)
        yield TriggerEvent(True)

    def _take(self) -> bool:
        path = Path(self.filepath)
        if not path.is_file():
            return False
        path.unlink()
        return True


class DirectoryFileDeleteTrigger(BaseEventTrigger):
    """Fires with `{"filepath": …}` once a file of this name is in the directory, and removes it."""

    def __init__(self, *, directory: str, filename: str, poke_interval: float = 5.0) -> None:
        super().__init__()
        self.directory, self.filename, self.poke_interval = directory, filename, poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        arguments = {"directory": self.directory, "filename": self.filename, "poke_interval": self.poke_interval}
        return "airflow.providers.standard.triggers.file.DirectoryFileDeleteTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look every `poke_interval` seconds."""
        file = Path(self.directory) / self.filename
        while not await asyncio.to_thread(taken, file):  # noqa: ASYNC110
            await asyncio.sleep(self.poke_interval)
        yield TriggerEvent({"filepath": str(file)})


def taken(file: Path) -> bool:
    """Remove the file; False if it is not there."""
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    return True
