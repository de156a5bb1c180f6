"""A worker in the background: it begins, is found, refuses a second one, and leaves when it is told to."""

from pathlib import Path

import psutil

from tests.integration.cli.test_commands import BROKER_URL, tradewind
from tests.polling import poll_until


async def test_a_worker_begins_and_leaves_in_the_background(tmp_path: Path) -> None:
    home = tmp_path / "home"
    environment = {BROKER_URL: "amqp://nobody:there@127.0.0.1:1/", "TRADEWIND__HOME": str(home)}
    stale = home / "tradewind-worker.pid"
    home.mkdir()
    stale.write_text("1\n")
    begun = tradewind("celery", "worker", "-D", "-q", "a,b", "-c", "2", "-s", "--without-mingle", **environment)
    assert begun.returncode == 0, begun.stderr
    process = psutil.Process(int(stale.read_text()))
    try:
        assert f"worker runs in the background as process {process.pid}" in begun.stdout
        assert (process.cwd(), process.terminal()) == (str(Path.cwd()), None)
        second = tradewind("worker", "--daemon", **environment)
        assert (second.returncode, f"as process {process.pid}" in second.stderr) == (2, True), second.stderr
        log = home / "tradewind-worker.log"
        await poll_until(lambda: "broker.unreachable" in log.read_text())
        stopped = tradewind("celery", "stop", **environment)
        assert (stopped.returncode, f"process {process.pid}" in stopped.stdout) == (0, True), stopped.stderr
        await poll_until(lambda: not stale.exists() and not process.is_running())
    finally:
        if process.is_running():
            process.kill()
    assert "worker.draining" in log.read_text()
    assert (home / "tradewind-worker.err").read_text() == ""
    assert log.stat().st_mode & 0o077 == 0


def test_flower_that_is_not_installed_is_asked_for(tmp_path: Path) -> None:
    done = tradewind("celery", "flower", TRADEWIND__HOME=str(tmp_path))
    assert (done.returncode, "pip install 'tradewind[flower]'" in done.stderr) == (2, True), done.stderr
