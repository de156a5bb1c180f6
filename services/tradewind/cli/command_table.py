"""Every word that may follow `tradewind`, and where what it does is found: a command loads itself, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True)
class Word:
    """A command, or with `is_group` the maker of a group; `place` is `module:name` below `tradewind.cli`."""

    place: str
    help: str
    panel: str
    is_group: bool = False


MANAGE: Final = "Manage"
SERVICES: Final = "Run services"
MACHINE: Final = "This machine"


def _group(place: str, help_text: str, panel: str = MANAGE) -> Word:
    return Word(f"{place}:create_app", help_text, panel, is_group=True)


WORDS: Final[Mapping[str, Word]] = {
    "dags": _group("dags.group", "DAGs and their runs."),
    "tasks": _group("tasks.group", "Tasks and their instances."),
    "backfill": _group("backfills", "Backfills: runs for past dates of a schedule."),
    "assets": _group("assets.group", "Assets, and who writes them."),
    "variables": _group("kept.variables", "Variables: settings of DAGs."),
    "connections": _group("kept.connections", "Connections: addresses and credentials for DAGs."),
    "pools": _group("kept.pools", "Pools: how much may run at once."),
    "workers": _group("workers.group", "Workers and queues."),
    "config": _group("configuration.commands", "What is configured, and where."),
    "users": _group("people.users", "Users, and what they may do."),
    "tokens": _group("people.tokens", "API tokens, for programs."),
    "partitions": _group("dags.partitions", "Partitions of runs."),
    "providers": _group("machine.packages", "Provider packages that are installed."),
    "plugins": Word("machine.packages:plugins", "Plugins that are installed.", MANAGE),
    "jobs": _group("machine.jobs", "Services that say that they are alive."),
    "db": _group("database", "The database's schema."),
    "rotate-fernet-key": Word("secrets:rotate_fernet_key", "Encrypt all that is secret anew.", MANAGE),
    "standalone": Word("services:standalone", "Run everything in one process.", SERVICES),
    "api-server": Word("services:api_server", "Run the REST API and the execution API.", SERVICES),
    "dag-processor": Word("services:dag_processor", "Parse DAG files.", SERVICES),
    "scheduler": Word("services:scheduler", "Decide what runs next.", SERVICES),
    "dispatcher": Word("services:dispatcher", "Hand queued task instances to executors.", SERVICES),
    "collector": Word("services:collector", "Grant claims, take results and heartbeats.", SERVICES),
    "worker": Word("services:worker", "Run tasks from queues.", SERVICES),
    "triggerer": Word("services:triggerer", "Run what deferred tasks wait for.", SERVICES),
    "celery": Word("workers.group:create_celery_app", "Workers, in Airflow's words.", SERVICES, is_group=True),
    "info": Word("machine.info:info", "What is installed here, and how it is set up.", MACHINE),
    "cheat-sheet": Word("machine.cheat_sheet:cheat_sheet", "Every command in one line.", MACHINE),
    "version": Word("app:version", "Print the version.", MACHINE),
}


class LazyGroup(TyperGroup):
    """Has a placeholder for each word, and loads the one that is asked for."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        for name, word in WORDS.items():
            self.commands[name] = TyperGroup(name=name, help=word.help, rich_help_panel=word.panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """As for any group; the command is the real one."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else loaded(name), rest


def loaded(name: str) -> Any:
    """The command or group of this name."""
    word = WORDS[name]
    module, _, attribute = word.place.partition(":")
    found: Any = getattr(import_module(f"tradewind.cli.{module}"), attribute)
    app = found() if word.is_group else typer.Typer(add_completion=False)
    if not word.is_group:
        app.command(name)(found)
    command = get_command(app)
    command.name = name
    return command
