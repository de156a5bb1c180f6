"""### Fan out and in

One task per region, side by side, in a group; a summary once all of them are done. `priority_weight` and `pool_slots`
say who goes first when slots are few.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TaskGroup, task

REGIONS = ("north", "east", "south", "west")

with DAG("example_fan_out", schedule=None, catchup=False, tags=["example"], doc_md=__doc__):

    @task(retries=2, retry_delay=timedelta(seconds=5))
    def count_orders(region: str) -> int:
        orders = len(region) * 100
        print(f"{region}: {orders} orders")
        return orders

    @task
    def summarise(counts: list[int]) -> int:
        print(f"{sum(counts)} orders in {len(counts)} regions")
        return sum(counts)

    begin = EmptyOperator(task_id="begin")
    with TaskGroup("regions") as regions:
        counts = [count_orders.override(task_id=region)(region) for region in REGIONS]
    begin >> regions
    summarise(counts)
