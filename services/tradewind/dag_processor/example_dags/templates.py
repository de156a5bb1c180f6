"""### Templates and parameters

Operators fill in Jinja templates when the task runs: dates of the run, parameters of whoever triggered it, and what
other tasks have left in XCom. Trigger it with a configuration such as `{"city": "Bergen"}` to change the parameter.
"""

from __future__ import annotations

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Param

with DAG(
    "example_templates",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    params={"city": Param("Hamburg", type="string", minLength=1)},
    tags=["example"],
    doc_md=__doc__,
):
    measure = BashOperator(
        task_id="measure",
        bash_command="echo {{ params.city | upper }}: $(( RANDOM % 30 )) degrees",
    )
    report = BashOperator(
        task_id="report",
        bash_command='echo "run {{ run_id }}, try {{ ti.try_number }}: $READING"',
        env={"READING": "{{ ti.xcom_pull(task_ids='measure') }}"},
        append_env=True,
    )
    measure >> report
