"""Airflow's configuration as a process finds it: variables of the environment, then `airflow.cfg`."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from tradewind.core.errors import ConfigError

PREFIX: Final = "AIRFLOW__"
COMMAND_SECONDS: Final = 60.0
SUFFIXES: Final = ("", "_cmd", "_secret")
_PRINTER: Final = "tradewind.sdk.secrets.print_configuration"


class Found(NamedTuple):
    """A text, and where it was said: a variable, or a file and its line."""

    text: str
    source: str


class Line(NamedTuple):
    """Of a configuration file."""

    text: str
    number: int


Section = Mapping[str, Line]
SecretReader = Callable[[str], str | None]
"""The text that a secrets backend has under a name."""
CommandReader = Callable[[str, str], str]
"""What a command prints, given the place that names it."""


class AirflowSources:
    """What Airflow is told in this environment. Raises `ConfigError` for what cannot be read."""

    def __init__(
        self,
        environment: Mapping[str, str],
        read_secret: SecretReader | None = None,
        run_command: CommandReader | None = None,
    ) -> None:
        """`read_secret`: None = another process asks the secrets backend, whose code is not ours. `run_command`: None =
        commands are run."""
        self._environment = environment
        self._run_command = run_command or output_of
        self._read_secret = read_secret or _asked_elsewhere
        self._path = configuration_file(environment)
        self._file = _sections_of(self._path)

    @property
    def path(self) -> Path | None:
        """The configuration file, if there is one."""
        return self._path if self._file else None

    def find(self, section: str, key: str, *, is_secret: bool = False) -> Found | None:
        """What is said of an option; commands and secrets backends are asked for secrets only, as Airflow does."""
        suffixes = SUFFIXES if is_secret else SUFFIXES[:1]
        for suffix in suffixes:
            name = variable_of(section, key + suffix)
            if (text := self._environment.get(name)) is not None:
                return Found(self._meant(text, suffix, name), name)
        for suffix in suffixes:
            if (line := self._file.get(section, {}).get(key + suffix)) is not None:
                place = f"{self._path}:{line.number}"
                return Found(self._meant(line.text, suffix, place), place)
        return None

    def given(self) -> Iterator[tuple[str, str, str]]:
        """Section, key (with its suffix), and place of everything that is said. Of a variable's section `_` may stand
        for a dot."""
        for name in sorted(self._environment):
            if name.startswith(PREFIX):
                section, _, key = name.removeprefix(PREFIX).lower().partition("__")
                yield section, key, name
        for section, lines in self._file.items():
            for key, line in lines.items():
                yield section, key, f"{self._path}:{line.number}"

    def _meant(self, text: str, suffix: str, place: str) -> str:
        match suffix:
            case "_cmd":
                return self._run_command(text, place)
            case "_secret":
                found = self._read_secret(text)
                if found is None:
                    raise ConfigError(f"{place}: the secrets backend has nothing under {text!r}")
                return found
            case _:
                return expanded(text)


def variable_of(section: str, key: str) -> str:
    """The variable that says what an option of the file says."""
    return f"{PREFIX}{section.replace('.', '_').upper()}__{key.upper()}"


def configuration_file(environment: Mapping[str, str]) -> Path:
    """`AIRFLOW_CONFIG`, else `airflow.cfg` in the home folder, whether it is there or not."""
    if named := environment.get("AIRFLOW_CONFIG"):
        return Path(expanded(named))
    home = environment.get("AIRFLOW_HOME") or environment.get("TRADEWIND__HOME")
    return (Path(expanded(home)) if home else Path.home() / "tradewind") / "airflow.cfg"


def expanded(text: str) -> str:
    """With variables of the environment and `~` in place, again and again, as Airflow does; at most ten times."""
    for _ in range(10):
        further = os.path.expanduser(os.path.expandvars(text))  # noqa: PTH111 - no path, and `Path` would change it
        if further == text:
            break
        text = further
    return text


def output_of(command: str, place: str) -> str:
    """What a command prints, without the end of its last line. Raises `ConfigError` naming the place, never the
    output."""
    # Imported here: hardly anybody asks commands, and every process that runs tasks pays for what it imports.
    import shlex
    import subprocess

    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command
            shlex.split(command), capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS
        )
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{place}: the command cannot be run: {exc}") from exc
    except subprocess.TimeoutExpired as exc:
        raise ConfigError(f"{place}: the command took longer than {COMMAND_SECONDS:g} s") from exc
    if done.returncode:
        raise ConfigError(f"{place}: the command ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout.rstrip("\n")


def _asked_elsewhere(name: str) -> str | None:
    """A secrets backend is not our code: it runs in a process of its own."""
    import subprocess

    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", _PRINTER, name],
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
    )
    if done.returncode:
        raise ConfigError(f"the secrets backend cannot be asked for {name!r}: {done.stderr.strip()}")
    return done.stdout or None


def _sections_of(path: Path) -> Mapping[str, Section]:
    try:
        state = path.stat()
    except OSError:
        return {}
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=2)
def _read(path: Path, _changed: int, _size: int) -> Mapping[str, Section]:
    """By section and key; read again once the file is another. Raises `ConfigError` naming the file."""
    # Imported here: few have such a file, and every process that runs tasks pays for what it imports.
    import configparser

    parser = configparser.ConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
        return {
            section.lower(): {
                key: Line(parser.get(section, key), _line_of(path, section, key)) for key in parser.options(section)
            }
            for section in parser.sections()
        }
    except (OSError, UnicodeDecodeError, configparser.Error) as exc:
        raise ConfigError(f"{path} cannot be read: {exc}") from exc


def _line_of(path: Path, section: str, key: str) -> int:
    """Where an option stands, from 1; 0 = nowhere: it is one of [DEFAULT]."""
    return _lines_of(path, path.stat().st_mtime_ns).get((section, key), 0)


@lru_cache(maxsize=2)
def _lines_of(path: Path, _changed: int) -> Mapping[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("["):
            section = line.partition("]")[0].lstrip("[")
        elif line and not line[0].isspace() and line[0] not in "#;":
            key = line.replace(":", "=", 1).partition("=")[0].strip().lower()
            found.setdefault((section, key), number)
    return found
