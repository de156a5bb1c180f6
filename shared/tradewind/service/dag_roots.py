"""Where DAG files live: one name per file across several folders.

A file is named everywhere (database, messages, API) by its `relative_fileloc`. Files of the users' DAGs folder are
named by their path inside it; the shipped examples stand under `.example_dags/`. Hidden folders are never searched,
so no file of a user can have such a name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, NamedTuple

from tradewind.core.bundles import DAGS_FOLDER_BUNDLE, prefix_of
from tradewind.core.errors import ConfigError, NotFound

if TYPE_CHECKING:
    from tradewind.service.settings import ServiceSettings

EXAMPLES_BUNDLE: Final = "example_dags"
EXAMPLES_PREFIX: Final = prefix_of(EXAMPLES_BUNDLE)


@dataclass(frozen=True, slots=True)
class DagRoot:
    """A folder of DAG files, and what the names of its files begin with (empty: the users' DAGs folder)."""

    folder: Path
    prefix: str = ""
    bundle_name: str = DAGS_FOLDER_BUNDLE

    def name_of(self, path: Path) -> str:
        """The `relative_fileloc` of a file under this root."""
        return self.prefix + path.relative_to(self.folder).as_posix()


class DagFileLocation(NamedTuple):
    """A DAG file on this machine, and the root that its imports are resolved from."""

    path: Path
    root: Path


def examples_folder() -> Path:
    """The folder of the shipped example DAGs; raises `ConfigError` in an installation without them."""
    spec = find_spec("tradewind.dag_processor")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location) / "example_dags"
        if folder.is_dir():
            return folder
    raise ConfigError("TRADEWIND__CORE__LOAD_EXAMPLES is set, but this installation has no example DAGs")


def dag_roots(settings: "ServiceSettings") -> tuple[DagRoot, ...]:
    """The roots that the settings name, the users' own first."""
    own = DagRoot(settings.dags_folder.absolute())
    if not settings.core.load_examples:
        return (own,)
    return (own, DagRoot(examples_folder(), EXAMPLES_PREFIX, EXAMPLES_BUNDLE))


def resolve_dag_file(roots: Sequence[DagRoot], relative_fileloc: str) -> DagFileLocation:
    """The path of the file so named; raises `NotFound` if no root has such names or the name leaves its root.

    Whether the file exists is not looked at.
    """
    for root in sorted(roots, key=lambda root: len(root.prefix), reverse=True):
        inside = relative_fileloc.removeprefix(root.prefix)
        if root.prefix and inside == relative_fileloc:
            continue
        if not inside or ".." in PurePosixPath(inside).parts or inside.startswith("/"):
            break
        return DagFileLocation(root.folder / inside, root.folder)
    raise NotFound(f"{relative_fileloc!r} names no file of the DAG folders")
