"""Tells whether a child that got SIGKILL was killed by the kernel for want of memory."""

import os
from pathlib import Path
from typing import Final

_NEAR_LIMIT: Final = 0.9
_CGROUP_ROOT: Final = Path("/sys/fs/cgroup")


class MemoryWatch:
    """Compares the kernel's count of such kills with the last one seen; without a count, judges by size."""

    def __init__(self, process_root: Path = Path("/proc/self")) -> None:
        self._counts = _event_files(_cgroup_paths(process_root))
        self._limit_bytes = _limit_bytes(_cgroup_paths(process_root))
        self._seen = self._read()

    def explains_kill(self, max_rss_kb: int) -> bool:
        """Whether memory is the likely reason that a child of this greatest size was killed just now."""
        count = self._read()
        if count is not None and self._seen is not None and count > self._seen:
            self._seen += 1  # one kill explains one child
            return True
        return max_rss_kb * 1024 >= self._limit_bytes * _NEAR_LIMIT

    def _read(self) -> int | None:
        for path in self._counts:
            try:
                lines = path.read_text().splitlines()
            except OSError:
                continue
            for line in lines:
                name, _, value = line.partition(" ")
                if name == "oom_kill":
                    return int(value)
        return None


def _cgroup_paths(process_root: Path) -> tuple[tuple[str, str], ...]:
    """(controllers, path) of each hierarchy that the process is in; controllers are empty in version 2."""
    try:
        lines = (process_root / "cgroup").read_text().splitlines()
    except OSError:
        return ()
    parts = [line.split(":", 2) for line in lines]
    return tuple((part[1], part[2].lstrip("/")) for part in parts if len(part) == 3)


def _event_files(paths: tuple[tuple[str, str], ...]) -> tuple[Path, ...]:
    files: list[Path] = []
    for controllers, path in paths:
        if controllers == "":
            files += [_CGROUP_ROOT / path / "memory.events", _CGROUP_ROOT / "memory.events"]
        elif "memory" in controllers.split(","):
            folder = _CGROUP_ROOT / "memory"
            files += [folder / path / "memory.oom_control", folder / "memory.oom_control"]
    return (*files, Path("/proc/vmstat"))


def _limit_bytes(paths: tuple[tuple[str, str], ...]) -> int:
    """The smallest limit that applies, the machine's own memory at most."""
    limit = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    files = [_CGROUP_ROOT / path / "memory.max" for controllers, path in paths if controllers == ""]
    for file in [*files, _CGROUP_ROOT / "memory.max", _CGROUP_ROOT / "memory" / "memory.limit_in_bytes"]:
        try:
            text = file.read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            limit = min(limit, int(text))
    return limit
