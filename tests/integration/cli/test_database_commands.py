"""`tradewind db …` on a real database."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from tests.servers.command_line import Done, run_commands
from tests.servers.postgres import PostgresServer
from tests.servers.process import wait_until
from tradewind.db.migrate import SCHEMA, migrations

NOBODY_THERE = "postgresql://user:secret@127.0.0.1:1/nothing"


def said(url: str, *commands: str) -> list[Done]:
    return list(run_commands([each.split() for each in commands], {"TRADEWIND__DATABASE__URL": url}))


def test_a_database_is_migrated_step_by_step_shown_checked_and_reset(empty_database_url: str) -> None:
    waits, shown, first, asked, rest, nothing, ready, refused, reset, emptied, again = said(
        empty_database_url,
        "db check-migrations -t 0",
        "db migrate --show-sql-only -r 1",
        "db migrate --to-revision 2",
        "dags list",
        "db migrate -s",
        "db migrate",
        "db check-migrations -t 0",
        "db reset",
        "db reset -y",
        "db reset --yes --skip-init",
        "db check-migrations -t 0",
    )
    assert (waits.code, "run `tradewind db migrate`" in waits.err) == (1, True)
    assert shown.out.startswith(f"-- {migrations()[0].path.name}\n")
    assert shown.out.count("\n-- 0") == 0, "only the first"
    assert (first.code, first.out.splitlines()[-1]) == (0, "The schema is at migration 0002.")
    assert (asked.code, f"this version needs {SCHEMA}: run `tradewind db migrate`" in asked.err) == (1, True)
    assert rest.out.startswith(f"-- {migrations()[2].path.name}\n")
    assert nothing.out.splitlines()[-1] == f"The schema is at migration {SCHEMA:04d}."
    assert (ready.code, ready.out) == (0, "The database serves this version.\n")
    assert (refused.code, "--yes" in refused.err) == (1, True)
    assert (reset.code, reset.out.splitlines()[-1]) == (
        0,
        f"The schema is at migration {SCHEMA:04d}; there is nothing in it.",
    )
    assert (emptied.out, again.code) == ("The database is empty.\n", 1)


def test_what_cannot_be_reached_is_said_and_never_the_password() -> None:
    done = said(NOBODY_THERE, "db check --retry 1", "db migrate", "db check-migrations -t 0", "db reset -y")
    assert [each.code for each in done] == [1] * 4
    assert all("TRADEWIND__DATABASE__URL" in each.err for each in done)
    assert "secret" not in "".join(each.out + each.err for each in done)
    assert "1 more tries" in done[0].err


def test_the_shell_is_psql_without_the_password_among_its_arguments(tmp_path: Path) -> None:
    fake = tmp_path / "psql"
    fake.write_text('#!/bin/sh\necho "$@" "$PGPASSWORD"\n')
    fake.chmod(0o755)
    environment = {"TRADEWIND__DATABASE__URL": "postgresql://me:pass%20word@host:5433/name", "PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "tradewind.cli", "db", "shell"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "postgresql://me@host:5433/name pass word\n"), done.stderr


@pytest.mark.full
def test_several_api_processes_share_a_port(postgres: PostgresServer, tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = str(sock.getsockname()[1])
    with postgres.new_database() as url:
        own = {"TRADEWIND__DATABASE__URL": url, "TRADEWIND__HOME": str(tmp_path)}
        own["TRADEWIND__BROKER__URL"] = "amqp://127.0.0.1:1/"
        command = [sys.executable, "-m", "tradewind.cli", "api-server", "-w", "2", "-p", port, "-H", "127.0.0.1"]
        process = subprocess.Popen(command, env={**os.environ, **own}, stdout=subprocess.DEVNULL)
        try:
            _wait_for_answer(port)
            children = psutil.Process(process.pid).children()
            assert len(children) == 2
            children[0].kill()
            known = {each.pid for each in children}
            wait_until(lambda: _children(process.pid) - known != set(), 60.0, "another in its place")
            _wait_for_answer(port)
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def _wait_for_answer(port: str) -> None:
    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/api/v2/version", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    wait_until(answers, 60.0, "the API")


def _children(pid: int) -> set[int]:
    return {each.pid for each in psutil.Process(pid).children()}
