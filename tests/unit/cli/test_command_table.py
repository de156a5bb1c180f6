"""Every word of the command line: it is there, it has Airflow's options, and it costs nothing until it is used."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from tradewind.cli.command_table import WORDS, loaded

AIRFLOWS: Final[Mapping[str, str]] = {
    "assets list": "--alias -o --output -v --verbose --columns",
    "assets details": "--alias --name --uri -o --output -v --verbose",
    "assets materialize": "--name --uri -o --output -v --verbose",
    "backfill create": (
        "--dag-id --from-date --to-date --dag-run-conf --run-backwards --max-active-runs --reprocess-behavior"
        " --run-on-latest-version --dry-run"
    ),
    "dags details": "-o --output -v --verbose",
    "dags clear": (
        "--run-id --partition-key --partition-date-start --partition-date-end -f --only-failed -r --only-running"
        " -y --yes -v --verbose"
    ),
    "dags list": "-o --output -v --verbose --columns -B --bundle-name -l --local",
    "dags list-import-errors": "-B --bundle-name -o --output -v --verbose -l --local",
    "dags report": "-B --bundle-name -o --output -v --verbose",
    "dags list-runs": "--no-backfill --state -o --output -v --verbose -s --start-date -e --end-date",
    "dags list-jobs": "-d --dag-id --state --limit -o --output -v --verbose",
    "dags state": "-v --verbose",
    "dags next-execution": "--table --field -n --num-executions -v --verbose",
    "dags pause": "--treat-dag-id-as-regex -y --yes -o --output -v --verbose",
    "dags unpause": "--treat-dag-id-as-regex -y --yes -o --output -v --verbose",
    "dags trigger": "-r --run-id -c --conf -l --logical-date -v --verbose --no-replace-microseconds -o --output",
    "dags delete": "-y --yes -v --verbose",
    "dags show": "-s --save --imgcat -v --verbose",
    "dags show-dependencies": "-s --save --imgcat -v --verbose",
    "dags test": (
        "-B --bundle-name -f --dagfile-path -c --conf --show-dagrun --imgcat-dagrun --save-dagrun --use-executor"
        " -v --verbose --mark-success-pattern"
    ),
    "dags reserialize": "-B --bundle-name -v --verbose",
    "tasks list": "-B --bundle-name -v --verbose",
    "tasks clear": (
        "-t --task-regex -s --start-date -e --end-date -B --bundle-name -u --upstream -d --downstream -y --yes"
        " -f --only-failed -r --only-running -R --dag-regex -v --verbose"
    ),
    "tasks state": "-B --bundle-name -v --verbose --map-index",
    "tasks failed-deps": "-B --bundle-name --map-index -v --verbose",
    "tasks render": "-B --bundle-name -v --verbose --map-index",
    "tasks test": "-B --bundle-name -t --task-params -m --post-mortem --env-vars --map-index -v --verbose",
    "tasks states-for-dag-run": "-o --output -v --verbose",
    "db check-migrations": "-t --migration-wait-timeout -v --verbose",
    "db reset": "-y --yes -s --skip-init -v --verbose",
    "db migrate": "-r --to-revision -s --show-sql-only --from-revision -v --verbose",
    "db shell": "-v --verbose",
    "db check": "-v --verbose --retry --retry-delay",
    "jobs check": "--job-type --hostname --local --limit --allow-multiple -v --verbose",
    "partitions clear": (
        "-d --dag-id -r --run-id -s --start-date -e --end-date -k --partition-key --date --clear-task-instances"
        " --dry-run -v --verbose"
    ),
    "providers list": "-o --output -v --verbose",
    "providers get": "-o --output -v --verbose",
    "plugins": "-o --output -v --verbose",
    "cheat-sheet": "",
    "info": "--anonymize -v --verbose -o --output",
    "api-server": "-p --port -w --workers -H --host --pid -D --daemon --stdout --stderr -l --log-file",
    "scheduler": "--pid -D --daemon --stdout --stderr -l --log-file -v --verbose",
    "triggerer": "--pid -D --daemon --stdout --stderr -l --log-file --capacity -v --verbose --queues",
    "dag-processor": "--pid -D --daemon --stdout --stderr -l --log-file -v --verbose",
    "celery worker": "-q --queues -c --concurrency -H --celery-hostname -a --autoscale -u --umask -D --pid -l --stdout",
    "version": "",
    "standalone": "",
}
"""What Airflow 3.3 has, but for what docs/cli.md names as left out."""


def command(path: str) -> Any:
    first, *rest = path.split()
    found = loaded(first)
    for word in rest:
        found = found.commands[word]
    return found


def commands(found: Any, path: str) -> Iterator[tuple[str, Any]]:
    if hasattr(found, "commands"):
        for name, inner in found.commands.items():
            yield from commands(inner, f"{path} {name}")
    else:
        yield path, found


ALL: Final = [pair for word in WORDS for pair in commands(loaded(word), word)]


@pytest.mark.parametrize("path", AIRFLOWS)
def test_airflows_options_are_there(path: str) -> None:
    known = {option for parameter in command(path).params for option in parameter.opts}
    assert sorted(set(AIRFLOWS[path].split()) - known) == []


@pytest.mark.parametrize(("path", "found"), ALL, ids=[path for path, _ in ALL])
def test_each_command_explains_itself(path: str, found: Any) -> None:
    assert found.help, path
    unexplained = [
        each.name for each in found.params if not each.help and each.name not in ("backfill_id", "worker_id")
    ]
    assert unexplained == [], path
    options = [option for parameter in found.params for option in parameter.opts]
    assert len(options) == len(set(options)), "an option stands for two things"


@pytest.mark.parametrize(
    ("words", "unused"),
    [
        (["version"], "httpx fastapi asyncpg asyncio uvloop rich yaml"),
        (["--help"], "httpx fastapi asyncpg asyncio uvloop yaml"),
        (["dags", "list", "--help"], "httpx fastapi asyncpg uvloop yaml"),
    ],
    ids=("version", "help", "help of a command"),
)
def test_a_command_loads_what_it_uses(words: list[str], unused: str) -> None:
    program = f"""
import sys
from tradewind.cli.__main__ import main
sys.argv = ["tradewind", *{words!r}]
try:
    main()
except SystemExit:
    pass
print("loaded:", *[name for name in {unused.split()!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1].split() == ["loaded:"], done.stderr


@pytest.mark.parametrize(
    ("shell", "typed"),
    [
        ("bash", {"COMP_WORDS": "tradewind dags list-", "COMP_CWORD": "2"}),
        pytest.param("zsh", {"_TYPER_COMPLETE_ARGS": "tradewind dags list-"}, marks=pytest.mark.full),
        pytest.param(
            "fish",
            {"_TYPER_COMPLETE_ARGS": "tradewind dags list-", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
            marks=pytest.mark.full,
        ),
    ],
)
def test_shells_complete_what_is_typed(shell: str, typed: Mapping[str, str]) -> None:
    program = 'import sys; sys.argv = ["tradewind"]; from tradewind.cli.__main__ import main; main()'
    environment = {**os.environ, **typed, "_TRADEWIND_COMPLETE": f"complete_{shell}"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert [word for word in ("list-runs", "list-jobs", "list-import-errors") if word not in done.stdout] == []
    assert "unpause" not in done.stdout
