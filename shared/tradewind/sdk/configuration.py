"""`conf`: the part of Airflow's configuration that DAG files ask for, read from the environment."""

import json
import os
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Final, TypeVar

from tradewind.core.errors import ConfigError
from tradewind.sdk.exceptions import AirflowConfigException
from tradewind.sdk.types import NOTSET, ArgNotSet
from tradewind.service.configuration.code_options import CODE_OPTIONS
from tradewind.service.configuration.sources import AirflowSources, output_of

EnumT = TypeVar("EnumT", bound=Enum)

PREFIX: Final = "TRADEWIND__"

_TRUE: Final = ("true", "t", "1", "yes", "y", "on")
_FALSE: Final = ("false", "f", "0", "no", "n", "off")

_DEFAULTS: Final = {
    ("core", "default_timezone"): "utc",
    ("core", "executor"): "LocalExecutor",
    ("core", "parallelism"): "32",
    ("core", "load_examples"): "False",
    ("core", "default_pool_task_slot_count"): "128",
    ("logging", "logging_level"): "INFO",
}
"""Of what services decide, and DAG files may ask for. What only they ask for is in `CODE_OPTIONS`."""

_FOLDERS: Final = {
    ("core", "dags_folder"): "dags",
    ("logging", "base_log_folder"): "logs",
}
"""Below the home folder."""


class Configuration:
    """`TRADEWIND__SECTION__KEY` in the environment, then `AIRFLOW__SECTION__KEY`, then `airflow.cfg`, then the default.
    With `_CMD` after the name, a command is given that prints the value; with `_SECRET` after Airflow's, the name that
    the secrets backend has it under.

    What does not fit is an AirflowConfigException that names section, key and value."""

    def get(self, section: str, key: str, fallback: "str | ArgNotSet | None" = NOTSET, **_options: Any) -> str | None:
        """The text; without one and without a fallback, AirflowConfigException."""
        found = self._given(section, key)
        if found is not None:
            return found
        default = self._default(section.lower(), key.lower())
        if default is not None:
            return default
        if isinstance(fallback, ArgNotSet):
            raise AirflowConfigException(f"section/key [{section}/{key}] not found in config")
        return fallback

    def _given(self, section: str, key: str) -> str | None:
        name = f"{PREFIX}{section.replace('.', '_').upper()}__{key.upper()}"
        if (value := os.environ.get(name)) is not None:
            return value
        try:
            if (command := os.environ.get(f"{name}_CMD")) is not None:
                return output_of(command, f"{name}_CMD")
            found = _sources().find(section.lower(), key.lower(), is_secret=True)
        except ConfigError as exc:
            raise AirflowConfigException(str(exc)) from exc
        return None if found is None else found.text

    def _default(self, section: str, key: str) -> str | None:
        folder = _FOLDERS.get((section, key))
        if folder:
            return str(Path(get_airflow_home()) / folder)
        return _DEFAULTS.get((section, key)) or CODE_OPTIONS.get(f"{section}.{key}")

    def get_mandatory_value(self, section: str, key: str, fallback: "str | ArgNotSet | None" = NOTSET) -> str:
        """The text; None as fallback is a ValueError."""
        value = self.get(section, key, fallback=fallback)
        if value is None:
            raise ValueError(f"The value {section}/{key} should be set!")
        return value

    def has_section(self, section: str) -> bool:
        """Whether anything is known of the section."""
        return bool(self.getsection(section))

    def has_option(self, section: str, key: str) -> bool:
        """Whether `get` would find it."""
        return self.get(section, key, fallback=None) is not None

    def getboolean(self, section: str, key: str, fallback: "bool | ArgNotSet" = NOTSET) -> bool:
        """The value as a truth value; AirflowConfigException for another text."""
        text = self._text(section, key, fallback)
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
        raise AirflowConfigException(f"[{section}/{key}] is not a boolean: {text!r}")

    def getint(self, section: str, key: str, fallback: "int | ArgNotSet" = NOTSET) -> int:
        """The value as an int."""
        number = self._number(section, key, fallback)
        if number != int(number):
            raise AirflowConfigException(f"[{section}/{key}] is not a whole number: {number!r}")
        return int(number)

    def getfloat(self, section: str, key: str, fallback: "float | ArgNotSet" = NOTSET) -> float:
        """The value as a float."""
        return self._number(section, key, fallback)

    def getlist(self, section: str, key: str, delimiter: str = ",", fallback: Any = NOTSET) -> Any:
        """The texts between the delimiters, stripped; the fallback as it is."""
        text = self.get(section, key, fallback=fallback)
        if not isinstance(text, str):
            return text
        return [part.strip() for part in text.split(delimiter)] if text else []

    def getjson(self, section: str, key: str, fallback: Any = None) -> Any:
        """What the JSON text says; the fallback as it is."""
        text = self.get(section, key, fallback=None)
        if not text:
            return fallback
        try:
            return json.loads(text)
        except ValueError as exc:
            raise AirflowConfigException(f"[{section}/{key}] is not JSON ({exc}): {text!r}") from exc

    def gettimedelta(self, section: str, key: str, fallback: timedelta | None = None) -> timedelta | None:
        """A number of whole seconds as a duration; the fallback where there is none."""
        if not self.get(section, key, fallback=None):
            return fallback
        try:
            return timedelta(seconds=self.getint(section, key))
        except OverflowError as exc:
            raise AirflowConfigException(f"[{section}/{key}] is too long: {exc}") from exc

    def getenum(self, section: str, key: str, enum_class: type[EnumT], fallback: Any = NOTSET) -> EnumT:
        """The member of this name; else the fallback's."""
        text = self.get(section, key, fallback=fallback)
        known = enum_class.__members__
        member = known.get(str(text)) or known.get(str(fallback))
        if member is None:
            raise AirflowConfigException(f"[{section}/{key}] must be one of {', '.join(known)}, not {text!r}")
        return member

    def getimport(self, section: str, key: str, fallback: Any = NOTSET) -> Any:
        """What is imported by the dotted path; None for an empty one."""
        from tradewind.sdk.module_loading import import_string

        path = self.get(section, key, fallback=fallback)
        if not path:
            return None
        try:
            return import_string(path)
        except ImportError as exc:
            raise AirflowConfigException(f"[{section}/{key}] cannot be imported: {path!r} ({exc})") from exc

    def getsection(self, section: str) -> dict[str, str | int | float | bool] | None:
        """Everything known of a section, numbers and truth values as such; None if that is nothing."""
        section = section.lower()
        options = ((*name.rsplit(".", 1), value) for name, value in CODE_OPTIONS.items() if value is not None)
        known = (*((part, key, value) for (part, key), value in _DEFAULTS.items()), *options)
        found: dict[str, str] = {key: value for part, key, value in known if part == section}
        start = f"{PREFIX}{section.replace('.', '_').upper()}__"
        given = [name.removeprefix(start).lower() for name in sorted(os.environ) if name.startswith(start)]
        also = (section, section.replace(".", "_"))
        for key in (*given, *(key for part, key, _ in _sources().given() if part in also)):
            name = key.removesuffix("_cmd").removesuffix("_secret")
            found[name] = self.get(section, name, fallback="") or ""
        return {key: _natural(value) for key, value in found.items()} or None

    def _number(self, section: str, key: str, fallback: "float | ArgNotSet") -> float:
        text = self._text(section, key, fallback)
        try:
            return float(text)
        except ValueError:
            raise AirflowConfigException(f"[{section}/{key}] is not a number: {text!r}") from None

    def _text(self, section: str, key: str, fallback: object) -> str:
        return self.get(section, key, fallback=NOTSET if isinstance(fallback, ArgNotSet) else str(fallback)) or ""


def get_airflow_home() -> str:
    """The home folder, under the name that DAG files know."""
    return os.environ.get("AIRFLOW_HOME") or str(Path.home() / "tradewind")


def _sources() -> AirflowSources:
    return AirflowSources(os.environ, _asked_backend)


def _asked_backend(name: str) -> str | None:
    # Imported here: the two modules know each other.
    from tradewind.sdk.secrets.search import find_config

    return find_config(name)


def _natural(text: str) -> str | int | float | bool:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"t": True, "true": True, "f": False, "false": False}.get(text.lower(), text)


conf: Final = Configuration()


def __getattr__(name: str) -> str:
    if name == "AIRFLOW_HOME":
        return get_airflow_home()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
