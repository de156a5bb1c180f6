"""Where DAG files live: one name per file across several folders.

A file is named everywhere (database, messages, API) by its `relative_fileloc`. Files of the bundle `dags-folder` are
named by their path inside it; those of any other bundle stand under its name, as in `.example_dags/`. Hidden folders
are never searched, so no file of one bundle can have the name of another's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, NamedTuple

from tradewind.core.bundle_list import BundleConfig, InvalidBundleList, LocalBundle, parse_bundle_list
from tradewind.core.bundles import DAGS_FOLDER_BUNDLE, bundle_of, prefix_of
from tradewind.core.errors import ConfigError, NotFound

if TYPE_CHECKING:
    from tradewind.service.settings import ServiceSettings

EXAMPLES_BUNDLE: Final = "example_dags"
EXAMPLES_PREFIX: Final = prefix_of(EXAMPLES_BUNDLE)


@dataclass(frozen=True, slots=True)
class DagRoot:
    """A folder of DAG files, and what the names of its files begin with (empty: the bundle `dags-folder`)."""

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


def configured_bundles(settings: "ServiceSettings") -> tuple[BundleConfig, ...]:
    """The bundles that the settings name, without the shipped examples; raises `ConfigError` if the list cannot be
    read."""
    try:
        return parse_bundle_list(settings.dag_processor.dag_bundle_config_list)
    except InvalidBundleList as exc:
        raise ConfigError(str(exc)) from exc


def dag_roots(settings: "ServiceSettings") -> tuple[DagRoot, ...]:
    """The folders that the settings name, in the order of the bundles; the examples last. Bundles that come from
    elsewhere have none: their content is asked for by its digest."""
    own = (bundle for bundle in configured_bundles(settings) if isinstance(bundle, LocalBundle))
    roots = tuple(local_root(bundle, settings.dags_folder) for bundle in own)
    if not settings.core.load_examples:
        return roots
    return (*roots, DagRoot(examples_folder(), EXAMPLES_PREFIX, EXAMPLES_BUNDLE))


def local_root(bundle: LocalBundle, dags_folder: Path) -> DagRoot:
    """Where the files of a bundle are."""
    folder = dags_folder if bundle.path is None else Path(bundle.path).expanduser()
    return DagRoot(folder.absolute(), prefix_of(bundle.name), bundle.name)


def resolve_dag_file(roots: Sequence[DagRoot], relative_fileloc: str) -> DagFileLocation:
    """The path of the file so named; raises `NotFound` if its bundle has no folder here, or the name leaves it.

    Whether the file exists is not looked at.
    """
    name = bundle_of(relative_fileloc)
    for root in roots:
        inside = relative_fileloc.removeprefix(root.prefix)
        if root.prefix != prefix_of(name) or not inside:
            continue
        if ".." in PurePosixPath(inside).parts or inside.startswith("/"):
            break
        return DagFileLocation(root.folder / inside, root.folder)
    raise NotFound(f"{relative_fileloc!r} names no file of the folders of this machine (bundle {name!r})")
