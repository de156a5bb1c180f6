# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
"""Run by a Python that has Airflow's task SDK: its supervisor runs one attempt, as a pod of Airflow's would. The
workload comes as JSON on standard input; the exit code is that of the task's process."""

import json
import sys
from uuid import UUID

from airflow.sdk.api.datamodels._generated import BundleInfo, TaskInstance
from airflow.sdk.execution_time.supervisor import supervise_task


def main() -> int:
    workload = json.load(sys.stdin)
    return supervise_task(
        ti=TaskInstance(**workload["ti"], dag_version_id=UUID(int=0)),
        bundle_info=BundleInfo(name="dags-folder"),
        dag_rel_path=workload["dag_rel_path"],
        token=workload["token"],
        server=workload["server"],
        subprocess_logs_to_stdout=True,
    )


if __name__ == "__main__":
    sys.exit(main())
