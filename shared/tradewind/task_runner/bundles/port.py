"""Where a supervisor gets the code of an attempt from: the port, and the plain folders of this machine."""

from pathlib import Path
from typing import Protocol

from tradewind.core.errors import AdapterError, NotFound
from tradewind.service.dag_roots import DagFileLocation, DagRoot, resolve_dag_file
from tradewind.wire.messages import Grant


class BundleUnavailable(AdapterError):
    """The code that an attempt is to run cannot be had, or is not what it claims to be: nothing of it has run."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class Wanted(Protocol):
    """Code that is to be run; grants name it, and whoever runs something else of a task."""

    @property
    def relative_fileloc(self) -> str: ...

    @property
    def bundle_name(self) -> str: ...

    @property
    def bundle_digest(self) -> str | None: ...

    @property
    def token(self) -> str:
        """Of the attempt in whose name it is fetched."""
        ...


class Bundles(Protocol):
    """Finds DAG files."""

    def expected(self, relative_fileloc: str) -> DagFileLocation | None:
        """Where an attempt of this file is likely to run, if anything is known of that before it is granted."""
        ...

    async def locate(self, grant: Grant) -> DagFileLocation:
        """The file that the grant names, in the content that it names, which stays there until `release`. Raises
        `BundleUnavailable`, or `NotFound` if the content has no such file."""
        ...

    def release(self, grant: Grant) -> None:
        """The attempt is over. For each `locate` that returned."""
        ...


class FolderBundles:
    """Files as they stand in the DAG folders of this machine, whatever a grant says."""

    def __init__(self, roots: tuple[DagRoot, ...]) -> None:
        self._roots = roots

    def expected(self, relative_fileloc: str) -> DagFileLocation | None:
        try:
            return resolve_dag_file(self._roots, relative_fileloc)
        except NotFound:
            return None

    async def locate(self, grant: Grant) -> DagFileLocation:
        return resolve_dag_file(self._roots, grant.relative_fileloc)

    def release(self, grant: Grant) -> None:
        """Folders stay."""


def location_in(files: Path, relative_fileloc: str, prefix: str) -> DagFileLocation:
    """The file in a version that is laid out."""
    return DagFileLocation(files / relative_fileloc.removeprefix(prefix), files)
