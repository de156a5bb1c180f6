"""`conf`: the part of Airflow's configuration that DAG files ask for, read from the environment."""

import json
import os
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Final, TypeVar

from tradewind.sdk.exceptions import AirflowConfigException
from tradewind.sdk.types import NOTSET, ArgNotSet

EnumT = TypeVar("EnumT", bound=Enum)

PREFIXES: Final = ("TRADEWIND", "AIRFLOW")

_TRUE: Final = ("true", "t", "1", "yes", "y", "on")
_FALSE: Final = ("false", "f", "0", "no", "n", "off")

_DEFAULTS: Final = {
    ("core", "default_timezone"): "utc",
    ("core", "executor"): "LocalExecutor",
    ("core", "parallelism"): "32",
    ("core", "max_active_tasks_per_dag"): "16",
    ("core", "max_active_runs_per_dag"): "16",
    ("core", "load_examples"): "False",
    ("core", "max_consecutive_failed_dag_runs_per_dag"): "0",
    ("core", "max_map_length"): "1024",
    ("core", "default_task_retries"): "0",
    ("core", "default_task_retry_delay"): "300",
    ("core", "max_task_retry_delay"): "86400",
    ("core", "default_task_weight_rule"): "downstream",
    ("core", "default_task_execution_timeout"): "",
    ("core", "task_success_overtime"): "20",
    ("core", "default_pool_task_slot_count"): "128",
    ("core", "dags_are_paused_at_creation"): "True",
    ("core", "dag_run_conf_overrides_params"): "True",
    ("scheduler", "catchup_by_default"): "False",
    ("scheduler", "create_cron_data_intervals"): "False",
    ("scheduler", "create_delta_data_intervals"): "False",
    ("dag_processor", "disable_bundle_versioning"): "False",
    ("email", "default_email_on_failure"): "True",
    ("email", "default_email_on_retry"): "True",
    ("core", "unit_test_mode"): "False",
    ("logging", "logging_level"): "INFO",
    ("smtp", "smtp_host"): "localhost",
    ("smtp", "smtp_port"): "25",
    ("smtp", "smtp_mail_from"): "airflow@example.com",
    ("kubernetes_executor", "worker_container_repository"): "",
    ("kubernetes_executor", "worker_container_tag"): "",
    ("operators", "default_owner"): "airflow",
    ("operators", "default_queue"): "default",
    ("operators", "default_deferrable"): "False",
    ("operators", "default_cpus"): "1",
    ("operators", "default_ram"): "512",
    ("operators", "default_disk"): "512",
    ("operators", "default_gpus"): "0",
}

_FOLDERS: Final = {
    ("core", "dags_folder"): "dags",
    ("logging", "base_log_folder"): "logs",
}
"""Below the home folder."""


class Configuration:
    """`TRADEWIND__SECTION__KEY` in the environment, then `AIRFLOW__SECTION__KEY`, then the default. With `_CMD` after
    the name, the variable holds a command that prints the value.

    What does not fit is an AirflowConfigException that names section, key and value."""

    def get(self, section: str, key: str, fallback: "str | ArgNotSet | None" = NOTSET, **_options: Any) -> str | None:
        """The text; without one and without a fallback, AirflowConfigException."""
        for prefix in PREFIXES:
            name = f"{prefix}__{section.replace('.', '_').upper()}__{key.upper()}"
            if (value := os.environ.get(name)) is not None:
                return value
            if (command := os.environ.get(f"{name}_CMD")) is not None:
                return _output_of(command, name)
        default = self._default(section.lower(), key.lower())
        if default is not None:
            return default
        if isinstance(fallback, ArgNotSet):
            raise AirflowConfigException(f"section/key [{section}/{key}] not found in config")
        return fallback

    def _default(self, section: str, key: str) -> str | None:
        folder = _FOLDERS.get((section, key))
        return str(Path(get_airflow_home()) / folder) if folder else _DEFAULTS.get((section, key))

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
        found = {key: value for (part, key), value in _DEFAULTS.items() if part == section.lower()}
        for prefix in reversed(PREFIXES):
            start = f"{prefix}__{section.replace('.', '_').upper()}__"
            for name in sorted(os.environ):
                if name.startswith(start):
                    key = name.removeprefix(start).lower().removesuffix("_cmd")
                    found[key] = self.get(section, key, fallback="") or ""
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


def _output_of(command: str, name: str) -> str:
    # Imported here: hardly anybody asks commands, and every process that runs tasks pays for what it imports.
    import subprocess
    from shlex import split

    done = subprocess.run(split(command), capture_output=True, text=True, check=False)  # noqa: S603 - the operator's own
    if done.returncode:
        raise AirflowConfigException(f"{name}_CMD ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


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
