"""The files and connections that the tasks of `operators_dag.txt` find."""

import json
from pathlib import Path


def write_files(folder: Path) -> dict[str, str]:
    """Write them; gives the environment that names them."""
    folder.mkdir()
    (folder / "s.sh").write_text("echo script {{ ds }}\n", encoding="utf-8")
    (folder / "q.sql").write_text("select {{ ds }}\n", encoding="utf-8")
    paths = {"AIRFLOW_CONN_FS1": "/", "AIRFLOW_CONN_FS2": str(folder)}
    connections = {name: json.dumps({"conn_type": "fs", "extra": {"path": path}}) for name, path in paths.items()}
    return {"OPERATOR_FILES": str(folder), **connections}
