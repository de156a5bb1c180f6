"""What is known of each DAG file: what its last parse read, and which DAGs it owns. Pure: no I/O, no clock."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tradewind.core.rows import DagFileRow
from tradewind.dag_processor.fingerprints import ABSENT

DAG_ID_PREFIX: Final = "//dag_id/"
"""A file that was refused a DAG depends on who owns it: `//dag_id/<dag_id>` → relative_fileloc of the owner. Names of
files never begin with two slashes."""
VARIABLE_PREFIX: Final = "//variable/"
CONNECTION_PREFIX: Final = "//connection/"
"""A file that read what is stored depends on it: name → the fingerprint that came with the value, or `ABSENT`."""
UNREAD: Final = "unread"
"""Fingerprint of what the file asked for in vain, because nobody answered."""


def is_about_files(name: str) -> bool:
    """Whether a dependency is a file or folder, as opposed to a DAG's owner, the environment or what is
    stored."""
    return not name.startswith("//")


class FileIndex:
    """The files as last written to the store, by relative_fileloc."""

    def __init__(self, rows: Iterable[DagFileRow] = ()) -> None:
        self._files: dict[str, DagFileRow] = {}
        self._dependents: dict[str, dict[str, None]] = {}
        self._owners: dict[str, str] = {}
        self._missing: dict[str, None] = {}
        for row in rows:
            self.record(row)

    @property
    def files(self) -> Mapping[str, DagFileRow]:
        return self._files

    def snapshot(self) -> Mapping[str, DagFileRow]:
        """The files now, for a thread to read."""
        return dict(self._files)

    def dependents_of(self, name: str) -> Sequence[str]:
        """Files whose parse read this."""
        return tuple(self._dependents.get(name, ()))

    def owner_of(self, dag_id: str) -> str | None:
        """The file that defines this DAG, if it is there."""
        owner = self._owners.get(dag_id)
        return None if owner in self._missing else owner

    def record(self, row: DagFileRow) -> Sequence[str]:
        """A parse was written. Returns the files that must be parsed again, because a DAG that they were refused
        has no owner now."""
        before = self._files.get(row.relative_fileloc)
        released = self._forget(before) if before else ()
        self._files[row.relative_fileloc] = row
        self._missing.pop(row.relative_fileloc, None)
        for name in row.dependencies:
            self._dependents.setdefault(name, {})[row.relative_fileloc] = None
        for dag_id in row.dag_ids:
            self._owners[dag_id] = row.relative_fileloc
        return self._refused_of([dag_id for dag_id in released if dag_id not in self._owners])

    def mark_missing(self, relative_fileloc: str) -> Sequence[str]:
        """A look did not find the file. Returns the files that must be parsed again, as `record`."""
        self._missing[relative_fileloc] = None
        return self._refused_of(self._files[relative_fileloc].dag_ids)

    def mark_present(self, relative_fileloc: str) -> None:
        """It is there after all."""
        self._missing.pop(relative_fileloc, None)

    def remove(self, relative_fileloc: str) -> None:
        """The file was retired."""
        row = self._files.pop(relative_fileloc, None)
        self._missing.pop(relative_fileloc, None)
        if row is not None:
            self._forget(row)

    def is_settled(self, relative_fileloc: str) -> bool:
        """Whether no DAG that the file was refused has become free or has changed hands."""
        row = self._files.get(relative_fileloc)
        return row is None or all(
            (self.owner_of(name.removeprefix(DAG_ID_PREFIX)) or ABSENT) == fingerprint
            for name, fingerprint in row.dependencies.items()
            if name.startswith(DAG_ID_PREFIX)
        )

    def stored_names(self) -> tuple[list[str], list[str]]:
        """Keys of variables and ids of connections that files have read."""
        keys = [name.removeprefix(VARIABLE_PREFIX) for name in self._dependents if name.startswith(VARIABLE_PREFIX)]
        ids = [name.removeprefix(CONNECTION_PREFIX) for name in self._dependents if name.startswith(CONNECTION_PREFIX)]
        return keys, ids

    def outdated(self, stored: Mapping[str, str], *, ask_again: bool) -> list[str]:
        """Files that have read something else than what is stored now (by names of dependencies); `ask_again`: also
        those that got no answer."""
        found: dict[str, None] = {}
        for name, files in self._dependents.items():
            if name.startswith((VARIABLE_PREFIX, CONNECTION_PREFIX)):
                now = stored.get(name, ABSENT)
                for file in files:
                    read = self._files[file].dependencies[name]
                    if read != now and (read != UNREAD or ask_again):
                        found[file] = None
        return list(found)

    def _forget(self, row: DagFileRow) -> Sequence[str]:
        for name in row.dependencies:
            dependents = self._dependents[name]
            del dependents[row.relative_fileloc]
            if not dependents:
                del self._dependents[name]
        released = [dag_id for dag_id in row.dag_ids if self._owners.get(dag_id) == row.relative_fileloc]
        for dag_id in released:
            del self._owners[dag_id]
        return released

    def _refused_of(self, dag_ids: Iterable[str]) -> Sequence[str]:
        return tuple(
            dict.fromkeys(fileloc for dag_id in dag_ids for fileloc in self.dependents_of(DAG_ID_PREFIX + dag_id))
        )
