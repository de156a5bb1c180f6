"""### Pass values

Several ways to hand a value on: returning it, returning several under their own keys, and pushing and pulling by hand
with operators that are not written in the TaskFlow style.
"""

from __future__ import annotations

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, task


def push(ti) -> None:
    ti.xcom_push(key="colour", value={"name": "teal", "hex": "#008080"})


def pull(ti) -> None:
    colour = ti.xcom_pull(task_ids="push", key="colour")
    print(f"{colour['name']} is {colour['hex']}")


with DAG("example_pass_values", schedule=None, catchup=False, tags=["example"], doc_md=__doc__):
    PythonOperator(task_id="push", python_callable=push) >> PythonOperator(task_id="pull", python_callable=pull)

    @task(multiple_outputs=True)
    def divide(dividend: int, divisor: int) -> dict[str, int]:
        return {"quotient": dividend // divisor, "remainder": dividend % divisor}

    @task
    def check(quotient: int, remainder: int) -> None:
        assert quotient * 7 + remainder == 100
        print(f"100 = {quotient} * 7 + {remainder}")

    result = divide(100, 7)
    check(result["quotient"], result["remainder"])
