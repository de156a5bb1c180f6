"""The files and connections that the tasks of the DAG files find."""

import json
from pathlib import Path


def write_files(folder: Path) -> dict[str, str]:
    """Write them; gives the environment that names them."""
    folder.mkdir()
    (folder / "s.sh").write_text("echo script {{ ds }}\n", encoding="utf-8")
    (folder / "q.sql").write_text("select {{ ds }}\n", encoding="utf-8")
    paths = {"AIRFLOW_CONN_FS1": "/", "AIRFLOW_CONN_FS2": str(folder)}
    connections = {name: json.dumps({"conn_type": "fs", "extra": {"path": path}}) for name, path in paths.items()}
    others = {"AIRFLOW_CONN_C1": '{"conn_type": "http", "host": "h"}', "AIRFLOW_VAR_V1": "vv"}
    return {"OPERATOR_FILES": str(folder), **connections, **others}
