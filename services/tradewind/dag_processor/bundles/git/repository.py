"""A Git bundle on disk: fetches what its ref names, lays the commit out, and shows it by the turn of a link."""

import asyncio
import fcntl
import os
import re
import shutil
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from tradewind.core.bundle_list import GitBundle
from tradewind.core.bundles import prefix_of
from tradewind.dag_processor.bundles.git.access import ACCESS_PREFIX, GitAccess
from tradewind.dag_processor.bundles.git.command import GitFailed, git_environment, run_git
from tradewind.service.dag_roots import DagRoot

LOCK_INTERVAL_SECONDS: Final = 0.2
TRACKED: Final = "refs/tradewind/tracked"
WITH_SUBMODULES: Final = "+submodules"
"""At the end of the name of a tree that has them."""
_SHORT_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")


class GitRepository:
    """One bundle's repository. `update` is called by one task at a time."""

    def __init__(self, bundle: GitBundle, folder: Path, *, timeout_seconds: float) -> None:
        self._bundle = bundle
        self._folder = folder
        self._timeout_seconds = timeout_seconds
        self._git_folder = folder / "repository"
        self._current = folder / "current"

    @property
    def root(self) -> DagRoot:
        """Where the bundle's files are, once there was a first `update`."""
        folder = self._current / self._bundle.subdir if self._bundle.subdir else self._current
        return DagRoot(folder, prefix_of(self._bundle.name), self._bundle.name)

    @property
    def version(self) -> str | None:
        """The commit that the folder shows; None before the first `update`."""
        return None if self._shown is None else self._shown.removesuffix(WITH_SUBMODULES)

    @property
    def is_ready(self) -> bool:
        """Whether the folder shows anything: if not, what is known of the bundle's content is all that there is."""
        return self.root.folder.is_dir()

    async def update(self, access: GitAccess) -> bool:
        """Show what the ref names now; returns whether it is another commit. Raises `GitFailed`, and OSError; what the
        folder shows stays then."""
        await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        async with self._locked():
            await asyncio.to_thread(self._remove_leftovers)
            commit = await self._fetched(access)
            if self._tree(commit).name == self._shown and self.is_ready:
                return False
            await self._lay_out(commit, access)
            if not self._has_subdir(self._tree(commit)):
                raise GitFailed(f"subdir {self._bundle.subdir!r} is no folder of the commit {commit}")
            await asyncio.to_thread(self._show, self._tree(commit))
            return True

    async def _fetched(self, access: GitAccess) -> str:
        ref = self._bundle.tracking_ref
        if ref == self.version and self.is_ready:
            return ref  # a commit never moves
        if not (self._git_folder / "HEAD").exists():
            await self._git("init", "--quiet", "--bare", "--template=", str(self._git_folder))
        with access.opened(self._folder) as environment:
            try:
                await self._fetch(environment, "--depth=1", "--", access.url, f"+{ref}:{TRACKED}")
                return await self._commit_of(TRACKED)
            except GitFailed as exc:
                if _SHORT_COMMIT.fullmatch(ref) is None or not _is_about_the_ref(str(exc)):
                    raise _explained(exc, ref, access) from exc
            # An abbreviated commit, or a server that gives none by its name: with all that there is, Git can say.
            deepen = ("--unshallow",) if (self._git_folder / "shallow").exists() else ()
            try:
                refs = ("+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*")
                await self._fetch(environment, *deepen, "--", access.url, *refs)
                return await self._commit_of(ref)
            except GitFailed as exc:
                raise _explained(exc, ref, access) from exc

    async def _fetch(self, environment: Mapping[str, str], *arguments: str) -> None:
        options = ("--quiet", "--force", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        await self._git("fetch", *options, *arguments, environment=environment)

    async def _commit_of(self, name: str) -> str:
        try:
            return await self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        except GitFailed as exc:
            raise GitFailed(f"unknown revision {name}") from exc

    async def _lay_out(self, commit: str, access: GitAccess) -> None:
        """Into the commit's folder, which nobody looks at before it is shown."""
        tree = self._tree(commit)
        await asyncio.to_thread(shutil.rmtree, tree, ignore_errors=True)
        await asyncio.to_thread(tree.mkdir, parents=True)
        index = self._folder / "index"
        index.unlink(missing_ok=True)
        place = {"GIT_WORK_TREE": str(tree), "GIT_INDEX_FILE": str(index)}
        await self._git("read-tree", "--reset", "-u", commit, folder=tree, environment=git_environment([], place))
        if self._bundle.submodules:
            await self._git("config", "remote.origin.url", access.url)
            with access.opened(self._folder) as environment:
                arguments = ("submodule", "--quiet", "update", "--init", "--recursive", "--force")
                try:
                    await self._git(*arguments, folder=tree, environment={**environment, **place})
                except GitFailed as exc:
                    raise GitFailed(f"a submodule cannot be fetched: {access.redacted(str(exc))}") from exc

    def _has_subdir(self, tree: Path) -> bool:
        """Whether it is there, and no link to a folder outside."""
        folder = (tree / (self._bundle.subdir or "")).resolve()
        return folder.is_dir() and folder.is_relative_to(tree.resolve())

    async def _git(
        self, *arguments: str, folder: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> str:
        own = git_environment([], {}) if environment is None else environment
        return await run_git(
            arguments,
            folder=folder or self._folder,
            environment={**own, "GIT_DIR": str(self._git_folder)},
            timeout_seconds=self._timeout_seconds,
        )

    def _tree(self, commit: str) -> Path:
        return self._folder / "trees" / f"{commit}{WITH_SUBMODULES if self._bundle.submodules else ''}"

    @property
    def _shown(self) -> str | None:
        try:
            return self._current.readlink().name
        except OSError:
            return None

    def _show(self, tree: Path) -> None:
        """From now on for everybody who looks; the tree before stays for those who are looking."""
        before, draft = self._shown, self._folder / "next"
        draft.unlink(missing_ok=True)
        draft.symlink_to(tree.relative_to(self._folder))
        draft.replace(self._current)
        for other in tree.parent.iterdir():
            if other.name not in (tree.name, before):
                shutil.rmtree(other, ignore_errors=True)

    def _remove_leftovers(self) -> None:
        for left in self._folder.glob(f"{ACCESS_PREFIX}*"):
            shutil.rmtree(left, ignore_errors=True)
        for folder in (self._folder, self._git_folder, self._git_folder / Path(TRACKED).parent):
            for lock in folder.glob("*.lock"):  # of a command that was killed: nobody else is here
                lock.unlink(missing_ok=True)

    @asynccontextmanager
    async def _locked(self) -> AsyncGenerator[None]:
        """Alone among the processes of this machine."""
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    while not _try_lock(descriptor):  # noqa: ASYNC110 - the other is another process
                        await asyncio.sleep(LOCK_INTERVAL_SECONDS)
            except TimeoutError as exc:
                raise GitFailed(f"another process holds {self._folder / 'lock'}") from exc
            yield
        finally:
            os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _is_about_the_ref(complaint: str) -> bool:
    return any(
        part in complaint for part in ("find remote ref", "unadvertised object", "not our ref", "unknown revision")
    )


def _explained(exc: GitFailed, ref: str, access: GitAccess) -> GitFailed:
    if _is_about_the_ref(str(exc)):
        return GitFailed(f"tracking_ref {ref!r} is no branch, tag or commit of the repository")
    return GitFailed(access.redacted(str(exc)))
