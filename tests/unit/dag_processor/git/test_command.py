"""A Git command that hangs does not hang us."""

import asyncio
from pathlib import Path

import psutil
import pytest

from tests.polling import poll_until
from tradewind.dag_processor.bundles.git.command import OUTPUT_KEPT_BYTES, GitFailed, git_environment, run_git


async def aliased(command: str, folder: Path, timeout_seconds: float = 30.0) -> str:
    environment = git_environment([("alias.it", f"!{command}")], {})
    return await run_git(["it"], folder=folder, environment=environment, timeout_seconds=timeout_seconds)


def has_ended(pid_file: Path) -> bool:
    pid = int(pid_file.read_text())
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_one_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    with pytest.raises(GitFailed, match=r"git it took longer than 0.5 s .*GIT_TIMEOUT_SECONDS"):
        await aliased("sh -c 'echo $$ > pid; exec sleep 600'", tmp_path, 0.5)
    await poll_until(lambda: has_ended(tmp_path / "pid"))


async def test_one_that_is_cancelled_is_ended(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await aliased("sh -c 'echo $$ > pid; exec sleep 600'", tmp_path)
    await poll_until(lambda: has_ended(tmp_path / "pid"))


async def test_of_what_it_says_the_end_is_kept(tmp_path: Path) -> None:
    said = await aliased("sh -c 'seq 1 100000'", tmp_path)
    assert said.endswith("\n100000")
    assert len(said) <= OUTPUT_KEPT_BYTES


async def test_what_it_says_of_its_failure_is_the_error(tmp_path: Path) -> None:
    with pytest.raises(GitFailed, match=r"^not today$"):
        await aliased("sh -c 'echo not today >&2; exit 3'", tmp_path)
    with pytest.raises(GitFailed, match="exit code 3"):
        await aliased("sh -c 'exit 3'", tmp_path)
