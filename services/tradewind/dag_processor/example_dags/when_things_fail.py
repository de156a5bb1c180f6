"""### When things fail

Trigger rules decide what runs after a failure, a retry or a skip. The flaky task fails at its first try and is tried
again a second later. The optional task skips itself; what follows it under the usual rule is skipped, too. The cleanup
runs however the others ended.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.exceptions import AirflowSkipException
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, TriggerRule, get_current_context, task

with DAG("example_when_things_fail", schedule=None, catchup=False, tags=["example"], doc_md=__doc__):

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def flaky() -> None:
        if get_current_context()["ti"].try_number == 1:
            raise RuntimeError("the first try always fails")

    @task
    def optional() -> None:
        raise AirflowSkipException("nothing to do today")

    @task
    def after_optional() -> None:
        print("not reached")

    cleanup = BashOperator(
        task_id="cleanup",
        bash_command="echo cleaned up",
        trigger_rule=TriggerRule.ALL_DONE,
    )
    tried, skipped, follow_up = flaky(), optional(), after_optional()
    skipped >> follow_up
    [tried, follow_up] >> cleanup
