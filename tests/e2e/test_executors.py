"""Several executors at once, one of them the example of docs/executors.md: each task runs where it should."""

import os
import re
import sys
from pathlib import Path

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitMQServer
from tests.servers.stack import service_stack

DOCUMENTED = Path(__file__).resolve().parents[2] / "docs" / "executors.md"

DAG_FILE = """
import os
import psutil
from airflow.sdk import DAG, task

def where():
    lines = [" ".join(each.cmdline()) for each in psutil.Process().parents()]
    return [os.environ["PLACE"], any("tasks run" in line for line in lines)]

with DAG("several", schedule=None):
    task(task_id="by_default")(where)()
    task(task_id="by_alias", executor="fleet")(where)()
    task(task_id="by_path", executor="airflow.providers.celery.executors.celery_executor.CeleryExecutor")(where)()
    task(task_id="by_queue", queue="big")(where)()
    task(task_id="own", executor="SubprocessExecutor")(where)()
    task(task_id="own_by_queue", queue="apart")(where)()
with DAG("by_defaults", schedule=None, default_args={"executor": "fleet"}):
    task(task_id="every")(where)()
    task(task_id="but_one", executor="LocalExecutor")(where)()
"""

WRONG_FILE = """
from airflow.sdk import DAG, BaseOperator

with DAG("wrong", schedule=None):
    BaseOperator(task_id="load", executor="MesosExecutor")
"""


@pytest.mark.full
def test_each_task_runs_where_its_executor_says(
    postgres: PostgresServer, rabbitmq: RabbitMQServer, tmp_path: Path
) -> None:
    (code,) = re.findall(r"```python\n(.*?class SubprocessExecutor.*?)```", DOCUMENTED.read_text(), re.DOTALL)
    (tmp_path / "documented.py").write_text(code)
    dags_folder = tmp_path / "dags"
    dags_folder.mkdir()
    (dags_folder / "several.py").write_text(DAG_FILE)
    (dags_folder / "wrong.py").write_text(WRONG_FILE)
    with (
        postgres.new_database() as database_url,
        service_stack(
            tmp_path / "stack",
            database_url=database_url,
            broker_url=rabbitmq.new_url(),
            dags_folder=dags_folder,
            environment={
                "TRADEWIND__CORE__EXECUTOR": "LocalExecutor,fleet:CeleryExecutor,documented.SubprocessExecutor",
                "TRADEWIND__CORE__EXECUTOR_QUEUES": "big=fleet,apart=SubprocessExecutor",
                "TRADEWIND__WORKER__QUEUES": "default,big",
                "PYTHONPATH": str(tmp_path),
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            },
            own_environments={"worker": {"PLACE": "worker"}, "dispatcher": {"PLACE": "dispatcher"}},
        ) as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as api,
    ):
        places: dict[str, list[object]] = {}
        for dag_id in ("several", "by_defaults"):
            api.wait_for_dag(dag_id)
            api.unpause(dag_id)
            run_id = api.trigger(dag_id)
            assert api.wait_for_run(dag_id, run_id)["state"] == "success"
            for each in api.task_instances(dag_id, run_id):
                places[each["task_id"]] = api.xcom(dag_id, run_id, each["task_id"])
        assert places == {
            "by_default": ["dispatcher", False],
            "by_alias": ["worker", False],
            "by_path": ["worker", False],
            "by_queue": ["worker", False],
            "own": ["dispatcher", True],
            "own_by_queue": ["dispatcher", True],
            "every": ["worker", False],
            "but_one": ["dispatcher", False],
        }
        wait_until(lambda: api.get("/importErrors").json()["total_entries"] == 1, "the import error is there")
        (error,) = api.get("/importErrors").json()["import_errors"]
        assert "task 'load' of the DAG 'wrong' names the executor 'MesosExecutor'" in error["stack_trace"]
        assert "has only LocalExecutor, fleet, SubprocessExecutor" in error["stack_trace"]
