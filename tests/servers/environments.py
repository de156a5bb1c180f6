"""Virtual environments of other systems, to compare with: made once and kept; ours stays as it is."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[2] / ".cache" / "peers"
CELERY: Final = ("celery[redis]==5.7.0",)
CELERY_TOOLS: Final = ("celery==5.7.0", "flower==2.2.0")
_ROOT: Final = Path(__file__).parents[2]
STOCK_WORKER: Final = ("--editable", f"{_ROOT}[celery]", "celery==5.7.0")
"""Tradewind as it is, with its extra."""
TASK_SDK: Final = ("apache-airflow-task-sdk==1.3.2",)
"""That of Airflow 3.3.2, with what it needs."""
SCHEMATHESIS: Final = ("schemathesis==4.32.5",)
AIRFLOWCTL: Final = ("apache-airflow-ctl==0.1.5", "keyrings.alt==5.0.2")
AIRFLOW: Final = ("apache-airflow==3.3.2", "psycopg2-binary", "asyncpg", "kubernetes")


def environment(name: str, requirements: Sequence[str]) -> Path:
    """The folder of the environment's programs; installs the requirements from the package index the first time."""
    folder = FOLDER / name
    done = folder / "installed.txt"
    wanted = "\n".join(requirements)
    if not done.exists() or done.read_text() != wanted:
        sys.stderr.write(f"installing {', '.join(requirements)} …\n")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *requirements]
        subprocess.run(pip, check=True, stdout=sys.stderr)
        done.write_text(wanted)
    return folder / "bin"


def is_installed(name: str) -> bool:
    """Whether such an environment is there already."""
    return (FOLDER / name / "installed.txt").exists()
