"""One Git command: bounded in time and output, never a prompt."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from tradewind.core.errors import AdapterError

OUTPUT_KEPT_BYTES: Final = 16 * 1024
"""Of what a command says, the end."""
READ_BYTES: Final = 64 * 1024

_INHERITED: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CONFIG_HOME", "LD_LIBRARY_PATH", "SSH_AUTH_SOCK"),
    *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_SSL_NO_VERIFY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
)
"""Of the service's own environment: what Git needs to find its way, and none of what the service itself is told."""
_ALWAYS: Final = {
    "core.hooksPath": os.devnull,
    "gc.autoDetach": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "advice.detachedHead": "false",
}


class GitFailed(AdapterError):
    """A bundle could not be brought up to date."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


def git_environment(config: Sequence[tuple[str, str]], variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command: what it inherits, then `config` (settings as `git config` names them) and
    `variables`."""
    settings = [*_ALWAYS.items(), *config]
    numbered = {f"GIT_CONFIG_KEY_{number}": key for number, (key, _) in enumerate(settings)}
    numbered |= {f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in enumerate(settings)}
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    fixed = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_COUNT": str(len(settings))}
    return {**inherited, **fixed, **numbered, **variables}


async def run_git(
    arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str], timeout_seconds: float
) -> str:
    """What the command prints, without the line's end. Raises `GitFailed` with what it says of its failure; it and all
    that it has started are gone then, as they are when this is cancelled."""
    try:
        process = await asyncio.create_subprocess_exec(
            *("git", *arguments),
            cwd=folder,
            env=environment,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
        )
    except FileNotFoundError as exc:
        raise GitFailed("the program git is not installed where the dag processor runs") from exc
    try:
        async with asyncio.timeout(timeout_seconds):
            said, complaint = await _outputs(process)
            exit_code = await process.wait()
    except TimeoutError as exc:
        raise GitFailed(
            f"git {arguments[0]} took longer than {timeout_seconds:g} s (TRADEWIND__DAG_PROCESSOR__GIT_TIMEOUT_SECONDS)"
        ) from exc
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if exit_code != 0:
        raise GitFailed(complaint.strip() or said.strip() or f"git {arguments[0]} ended with exit code {exit_code}")
    return said.strip()


async def _outputs(process: Process) -> tuple[str, str]:
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.TaskGroup() as group:
        said = group.create_task(_end_of(process.stdout), name="git-output")
        complaint = group.create_task(_end_of(process.stderr), name="git-errors")
    return said.result(), complaint.result()


async def _end_of(stream: asyncio.StreamReader) -> str:
    kept = b""
    while data := await stream.read(READ_BYTES):
        kept = (kept + data)[-OUTPUT_KEPT_BYTES:]
    return kept.decode(errors="replace")
