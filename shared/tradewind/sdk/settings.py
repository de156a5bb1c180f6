"""`airflow.settings`: where things are, for files that look there instead of into `conf`."""

from functools import partial
from pathlib import Path
from typing import Any

from tradewind.sdk import timezone
from tradewind.sdk.configuration import conf, get_airflow_home
from tradewind.sdk.plugins import plugins_folder
from tradewind.sdk.policies import policies


def __getattr__(name: str) -> Any:
    match name:
        case "AIRFLOW_HOME":
            return get_airflow_home()
        case "DAGS_FOLDER":
            return conf.get("core", "dags_folder")
        case "PLUGINS_FOLDER":
            return str(plugins_folder(Path(str(conf.get("core", "dags_folder")))))
        case "TIMEZONE":
            return timezone.utc
        case "SIMPLE_LOG_FORMAT":
            return "%(asctime)s %(levelname)s - %(message)s"
        case "task_policy" | "dag_policy" | "task_instance_mutation_hook" | "pod_mutation_hook":
            return partial(policies().call, name)
        case "get_airflow_context_vars":
            return policies().context_vars
        case "get_dagbag_import_timeout":
            return policies().import_timeout
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
