"""Servers from `docker compose`, as compose.yml beside this file describes them."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from uuid import uuid4

_FILE: Final = Path(__file__).with_name("compose.yml")


def is_available() -> bool:
    """Whether `docker compose` works here and its daemon answers."""
    if shutil.which("docker") is None:
        return False
    return all(
        subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0
        for command in (["docker", "compose", "version"], ["docker", "info"])
    )


class ComposeService:
    """One service of compose.yml in a project of its own. `ports` sets the variables that compose.yml publishes by."""

    def __init__(self, service: str, ports: Mapping[str, int]) -> None:
        self._service = service
        self._project = f"tradewind-tests-{uuid4().hex[:12]}"
        self._environment = {**os.environ, **{name: str(port) for name, port in ports.items()}}

    def start(self) -> None:
        """Start or restart it; returns once it is healthy."""
        self._compose("up", "--detach", "--wait", self._service, timeout_seconds=600)

    def stop(self) -> None:
        """End it in good order."""
        self._compose("stop", self._service)

    def kill(self) -> None:
        """SIGKILL."""
        self._compose("kill", self._service)

    def remove(self) -> None:
        """End it and delete everything of it."""
        self._compose("down", "--volumes", "--timeout", "1")

    def _compose(self, *arguments: str, timeout_seconds: float = 120) -> None:
        command = ["docker", "compose", "--file", str(_FILE), "--project-name", self._project, *arguments]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=timeout_seconds, env=self._environment
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-1500:]}")
