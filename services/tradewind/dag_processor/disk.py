"""The DAG files of all roots as they stand on disk, compared with what is known of them.

Everything here blocks on the file system: the examiner calls it in a thread, one call at a time.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tradewind.core.bundles import bundle_of
from tradewind.core.rows import DagFileRow
from tradewind.dag_processor.dependencies import ENVIRONMENT, environment_fingerprint
from tradewind.dag_processor.file_index import is_about_files
from tradewind.dag_processor.fingerprints import file_fingerprint
from tradewind.dag_processor.folder import DagFolder
from tradewind.service.dag_files import IGNORE_FILE, is_visible


@dataclass(slots=True)
class Findings:
    """What a look or a listing came to."""

    changed: dict[str, None] = field(default_factory=dict[str, None])
    """Files to parse: new, edited, or something that they read has changed."""
    missing: dict[str, None] = field(default_factory=dict[str, None])
    """Known files that a complete listing of their bundle did not find."""
    wants_listing: bool = False
    """The look alone cannot tell: a folder, an ignore file or a known DAG file came or went."""
    environment: str = ""


class Disk:
    """Looks at the roots."""

    def __init__(self, folders: Sequence[DagFolder], *, held: Collection[str] = ()) -> None:
        """`held`: names of bundles that are configured, but cannot be looked at: nothing of theirs is missing."""
        self._folders = tuple(sorted(folders, key=lambda folder: len(folder.root.prefix), reverse=True))
        self._held = tuple(held)

    def list_all(self, known: Mapping[str, DagFileRow]) -> Findings:
        """List every root in full, and verify every known file with all that it depends on. A root that could not be
        read in full has no missing files; one that is configured no more has no others."""
        findings = Findings(environment=environment_fingerprint())
        present: dict[str, str] = {}
        unsure = dict.fromkeys(self._held)
        for folder in self._folders:
            listing = folder.list_files()
            present.update(listing.digests)
            if not listing.complete:
                unsure[folder.root.bundle_name] = None
        gone = (name for name in known if name not in present and bundle_of(name) not in unsure)
        findings.missing.update(dict.fromkeys(gone))
        self._compare(present, known, findings)
        return findings

    def look(self, touched: Iterable[Path], verify: Iterable[str], known: Mapping[str, DagFileRow]) -> Findings:
        """Look at what events named, and verify the files named."""
        findings = Findings(environment=environment_fingerprint())
        current: dict[str, str] = {}
        for path in touched:
            for folder in self._folders:
                if folder.owns(path):
                    folder.forget(path)
                    self._look_at(path, folder, known, current, findings)
        for name in verify:
            folder = self._folder_of(name)
            digest = folder.digest_of(folder.path_of(name)) if folder else None
            if digest is not None:
                current[name] = digest
            elif name in known:
                findings.wants_listing = True
        self._compare(current, known, findings)
        return findings

    def names_of(self, path: Path) -> Iterable[str]:
        """What dependents may call a path that was touched: the file, and the folder that it is in."""
        for folder in self._folders:
            if folder.owns(path) and path != folder.root.folder:
                yield folder.root.name_of(path)
                parent = path.parent.relative_to(folder.root.folder).as_posix()
                yield folder.root.prefix + ("./" if parent == "." else f"{parent}/")

    def _look_at(
        self,
        path: Path,
        folder: DagFolder,
        known: Mapping[str, DagFileRow],
        current: dict[str, str],
        findings: Findings,
    ) -> None:
        name = folder.root.name_of(path)
        digest = folder.digest_of(path)
        if digest is not None:
            current[name] = digest
        elif not findings.wants_listing and _is_seen(path, folder):
            is_group = path.is_dir() or any(other.startswith(f"{name}/") for other in known)
            findings.wants_listing = name in known or path.name == IGNORE_FILE or is_group

    def _compare(self, current: Mapping[str, str], known: Mapping[str, DagFileRow], findings: Findings) -> None:
        fingerprints: dict[str, str] = {ENVIRONMENT: findings.environment}
        for name, digest in current.items():
            row = known.get(name)
            if row is None or row.file_digest != digest or not self._holds(row, fingerprints):
                findings.changed[name] = None

    def _holds(self, row: DagFileRow, fingerprints: dict[str, str]) -> bool:
        for name, fingerprint in row.dependencies.items():
            if name != ENVIRONMENT and not is_about_files(name):
                continue
            if name not in fingerprints:
                fingerprints[name] = self._fingerprint_of(name)
            if fingerprints[name] != fingerprint:
                return False
        return True

    def _fingerprint_of(self, name: str) -> str:
        folder = None if name.startswith("/") else self._folder_of(name)
        return folder.fingerprint_of(name) if folder else file_fingerprint(Path(name))

    def _folder_of(self, name: str) -> DagFolder | None:
        return next((folder for folder in self._folders if name.startswith(folder.root.prefix)), None)


def _is_seen(path: Path, folder: DagFolder) -> bool:
    parts = path.relative_to(folder.root.folder).parts
    return path.name == IGNORE_FILE or all(is_visible(part) for part in parts)
