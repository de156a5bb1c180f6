"""### Hello

The smallest useful DAG: three tasks in the TaskFlow style. What a task returns is passed on to the next one.
"""

from __future__ import annotations

from airflow.sdk import dag, task


@dag(schedule=None, catchup=False, tags=["example"], doc_md=__doc__)
def example_hello():
    @task
    def pick_name() -> str:
        return "world"

    @task
    def make_greeting(name: str) -> str:
        return f"Hello, {name}!"

    @task
    def say(greeting: str) -> None:
        print(greeting)

    say(make_greeting(pick_name()))


example_hello()
