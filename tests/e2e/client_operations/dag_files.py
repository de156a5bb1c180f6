"""What the operations of the client are driven on: DAGs with something of everything."""

from pathlib import Path
from typing import Final

SHOP: Final = """
from datetime import datetime

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, Asset, AssetAlias, CronPartitionTimetable, Param, TaskGroup, task

orders = Asset("orders", uri="s3://shop/orders")
stock = Asset("stock", uri="s3://shop/stock")

with DAG("etl", params={"size": Param(3, type="integer")}, tags=["shop"], doc_md="Orders.", max_active_runs=16):

    @task(outlets=[orders, AssetAlias("landed")])
    def extract():
        print("extracting orders")
        return [1, 2, 3]

    @task
    def double(n):
        return 2 * n

    @task
    def total(values):
        return sum(values)

    with TaskGroup("checks"):
        EmptyOperator(task_id="schema") >> EmptyOperator(task_id="rows")

    total(double.expand(n=extract()))

with DAG("report", schedule=[orders], tags=["shop"]):
    EmptyOperator(task_id="write")

with DAG("stocktaking", schedule=[orders, stock]):
    EmptyOperator(task_id="count")

with DAG("restock", schedule=None):
    @task(outlets=[stock])
    def buy():
        return "bought"
    buy()

with DAG("asking"):
    HITLOperator(task_id="choose", subject="Which one?", body="Of these", options=["a", "b"])

with DAG("daily", schedule="@daily", start_date=datetime(2024, 1, 1), catchup=False):
    EmptyOperator(task_id="once", pool="nowhere")

with DAG(
    "parts", schedule=CronPartitionTimetable("@daily", timezone="UTC"), start_date=datetime(2124, 1, 1), catchup=False
):
    EmptyOperator(task_id="one")

with DAG("passing", schedule=None):
    EmptyOperator(task_id="through")
"""

BROKEN: Final = "from airflow.sdk import DAG\n\nraise RuntimeError('this file is broken on purpose')\n"


def write(dags_folder: Path) -> None:
    """Both files."""
    (dags_folder / "shop.py").write_text(SHOP)
    (dags_folder / "broken.py").write_text(BROKEN)
