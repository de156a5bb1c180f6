"""Many commands in one process: `python -m tests.servers.command_line` reads `[[word, …], …]` from standard input and
writes `[[exit code, stdout, stderr], …]`."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from tradewind.cli.app import create_app


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


def run_commands(commands: Sequence[Sequence[str]], environment: Mapping[str, str]) -> Sequence[Done]:
    """Run them one after the other, none of them with a terminal, in an environment with none of our settings but
    these."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TRADEWIND_", "AIRFLOW_"))}
    done = subprocess.run(
        [sys.executable, "-m", "tests.servers.command_line"],
        input=json.dumps([list(words) for words in commands]),
        env={**clean, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [Done(*each) for each in json.loads(done.stdout)]


def _run_one(words: Sequence[str]) -> tuple[int, str, str]:
    result: Any = CliRunner().invoke(create_app(), list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


if __name__ == "__main__":
    sys.stdout.write(json.dumps([_run_one(words) for words in json.load(sys.stdin)]))
