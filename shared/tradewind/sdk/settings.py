"""`airflow.settings`: where things are, for files that look there instead of into `conf`."""

import os
from pathlib import Path
from typing import Any

from tradewind.sdk import timezone
from tradewind.sdk.configuration import conf
from tradewind.sdk.plugins import plugins_folder


def __getattr__(name: str) -> Any:
    match name:
        case "AIRFLOW_HOME":
            return os.environ.get("AIRFLOW_HOME") or str(Path.home() / "tradewind")
        case "DAGS_FOLDER":
            return conf.get("core", "dags_folder")
        case "PLUGINS_FOLDER":
            return str(plugins_folder(Path(str(conf.get("core", "dags_folder")))))
        case "TIMEZONE":
            return timezone.utc
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
