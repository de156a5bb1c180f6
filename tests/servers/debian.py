"""Install a server's Debian package, when we are root on a Debian or Ubuntu machine."""

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_POLICY: Final = Path("/usr/sbin/policy-rc.d")


def can_install() -> bool:
    """Whether this process may install packages."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(package: str) -> str | None:
    """Install it without starting it; returns None, or the end of apt's output if that failed."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _no_autostart():
        for command in (["update"], ["install", "-y", "--no-install-recommends", package]):
            done = subprocess.run(
                ["apt-get", "-qq", *command], env=environment, check=False, capture_output=True, text=True
            )
            if done.returncode != 0:
                return (done.stdout + done.stderr)[-1500:]
    return None


@contextmanager
def _no_autostart() -> Generator[None]:
    """While this is entered, Debian starts no service that it installs."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()
