"""`conf`: the part of Airflow's configuration that DAG files ask for, read from the environment."""

import os
from pathlib import Path
from typing import Final

from tradewind.sdk.exceptions import AirflowConfigException
from tradewind.sdk.types import NOTSET, ArgNotSet

_TRUE: Final = ("true", "t", "1", "yes", "y", "on")
_FALSE: Final = ("false", "f", "0", "no", "n", "off")

_DEFAULTS: Final = {
    ("core", "default_timezone"): "utc",
    ("core", "executor"): "LocalExecutor",
    ("core", "parallelism"): "32",
    ("core", "max_active_tasks_per_dag"): "16",
    ("core", "max_active_runs_per_dag"): "16",
    ("core", "load_examples"): "False",
    ("core", "max_map_length"): "1024",
    ("core", "unit_test_mode"): "False",
    ("kubernetes_executor", "worker_container_repository"): "",
    ("kubernetes_executor", "worker_container_tag"): "",
    ("operators", "default_owner"): "airflow",
    ("operators", "default_queue"): "default",
}


class Configuration:
    """`TRADEWIND__SECTION__KEY` in the environment, then `AIRFLOW__SECTION__KEY`, then the default."""

    def get(self, section: str, key: str, fallback: "str | ArgNotSet | None" = NOTSET) -> str | None:
        """The text; without one and without a fallback, AirflowConfigException."""
        for prefix in ("TRADEWIND", "AIRFLOW"):
            value = os.environ.get(f"{prefix}__{section.upper()}__{key.upper()}")
            if value is not None:
                return value
        default = self._default(section.lower(), key.lower())
        if default is not None:
            return default
        if isinstance(fallback, ArgNotSet):
            raise AirflowConfigException(f"section/key [{section}/{key}] not found in config")
        return fallback

    def _default(self, section: str, key: str) -> str | None:
        if (section, key) == ("core", "dags_folder"):
            return str(Path(os.environ.get("AIRFLOW_HOME", Path.home() / "tradewind")) / "dags")
        return _DEFAULTS.get((section, key))

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
        return int(self._number(section, key, fallback))

    def getfloat(self, section: str, key: str, fallback: "float | ArgNotSet" = NOTSET) -> float:
        """The value as a float."""
        return self._number(section, key, fallback)

    def _number(self, section: str, key: str, fallback: "float | ArgNotSet") -> float:
        text = self._text(section, key, fallback)
        try:
            return float(text)
        except ValueError:
            raise AirflowConfigException(f"[{section}/{key}] is not a number: {text!r}") from None

    def _text(self, section: str, key: str, fallback: object) -> str:
        return self.get(section, key, fallback=NOTSET if isinstance(fallback, ArgNotSet) else str(fallback)) or ""


conf: Final = Configuration()
