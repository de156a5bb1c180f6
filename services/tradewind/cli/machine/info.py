"""`tradewind info`: what somebody who helps wants to know first."""

import getpass
import locale
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit, urlunsplit

import typer

from tradewind.cli.arguments import MoreLogs
from tradewind.cli.output.rows import Output, OutputFormat, show
from tradewind.service.environment import SecretStr
from tradewind.service.settings import ServiceSettings, load_settings

Shown = Callable[[str], str]

NOT_THERE: Final = "NOT AVAILABLE"
TOOL_SECONDS: Final = 5
TOOLS: Final[Mapping[str, tuple[str, ...]]] = {
    "git": ("git", "--version"),
    "kubectl": ("kubectl", "version", "--client"),
    "psql": ("psql", "--version"),
    "dot": ("dot", "-V"),
}


def info(
    output: Output = OutputFormat.TABLE,
    *,
    verbose: MoreLogs = False,
    anonymize: Annotated[
        bool, typer.Option("--anonymize", help="Leave out who and where you are: for showing it to others.")
    ] = False,
) -> None:
    """Show what is installed, how it is set up, and on what it runs. Passwords are left out."""
    shown = _anonymous if anonymize else _as_it_is
    sections = {
        "Tradewind": _tradewind(load_settings(ServiceSettings), shown),
        "System": _system(shown),
        "Tools": {name: _said_by(command) for name, command in TOOLS.items()},
        "Paths": _paths(shown),
        "Providers": _providers(),
    }
    if output in (OutputFormat.JSON, OutputFormat.YAML):
        show([dict(sections)], output)
        return
    for title, values in sections.items():
        typer.echo(f"\n{title}")
        show([{"name": name, "value": value} for name, value in values.items()], output)


def _tradewind(settings: ServiceSettings, shown: Shown) -> dict[str, str]:
    return {
        "version": version("tradewind"),
        "executor": settings.core.executor,
        "home": shown(str(settings.home)),
        "dags_folder": shown(str(settings.dags_folder)),
        "database": shown(_address(settings.database.url) or "embedded"),
        "broker": shown(_address(settings.broker.url) or "in memory"),
        "api": shown(f"http://{settings.api.host}:{settings.api.port}"),
        "base_log_folder": shown(str(settings.logging.base_log_folder or "")),
        "remote_base_log_folder": settings.logging.remote_base_log_folder,
    }


def _address(url: SecretStr | None) -> str | None:
    """Without the password."""
    if url is None:
        return None
    parts = urlsplit(url.get_secret_value())
    user, _, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{name}@{host}" if name else host, query=""))


def _system(shown: Shown) -> dict[str, str]:
    return {
        "OS": platform.system(),
        "architecture": platform.machine(),
        "uname": shown(" ".join(platform.uname())),
        "locale": str(locale.getlocale()),
        "python_version": sys.version.replace("\n", " "),
        "python_location": shown(sys.executable),
    }


def _paths(shown: Shown) -> dict[str, str]:
    return {
        "system_path": shown(os.environ.get("PATH", "")),
        "python_path": shown(os.pathsep.join(sys.path)),
        "tradewind_on_path": str(shutil.which("tradewind") is not None),
    }


def _providers() -> dict[str, str]:
    names = ((each.metadata["Name"], each.version) for each in distributions())
    return dict(sorted((name, number) for name, number in names if name.startswith("apache-airflow-providers-")))


def _said_by(command: tuple[str, ...]) -> str:
    """The first line that a program says of its version."""
    try:
        done = subprocess.run(  # noqa: S603 - one of `TOOLS`
            command, capture_output=True, text=True, timeout=TOOL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return NOT_THERE
    return next(iter((done.stdout or done.stderr).splitlines()), NOT_THERE) if done.returncode == 0 else NOT_THERE


def _as_it_is(text: str) -> str:
    return text


def _anonymous(text: str) -> str:
    """Without the home folder, the user and the host."""
    found = {str(Path.home()): "${HOME}", getpass.getuser(): "${USER}", platform.node(): "${HOST}"}
    for own, placeholder in found.items():
        text = re.sub(rf"(?<![\w.-]){re.escape(own)}(?![\w.-])", placeholder, text)
    return text
