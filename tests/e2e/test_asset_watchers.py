"""An asset that is watched: files that come make its events, and these make runs, through all services."""

from pathlib import Path

from tests.e2e.client import ApiClient, wait_until
from tests.servers.stack import standalone_stack

FILE = """
from airflow.sdk import DAG, Asset, AssetWatcher, task
from airflow.providers.standard.triggers.file import FileDeleteTrigger

trigger = FileDeleteTrigger(filepath="{file}", poke_interval=0.05)
asset = Asset("watched", watchers=[AssetWatcher(name="files", trigger=trigger)])

with DAG("consumer", schedule=[asset]):
    @task
    def consume(triggering_asset_events=None):
        return [event.extra for events in triggering_asset_events.values() for event in events]
    consume()
"""


def test_files_that_come_make_runs(tmp_path: Path) -> None:
    watched = tmp_path / "watched"
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "consumer.py").write_text(FILE.format(file=watched))
    with (
        standalone_stack(tmp_path, dags_folder=tmp_path / "dags") as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as api,
    ):
        api.wait_for_dag("consumer")
        api.unpause("consumer")

        def runs() -> list[dict[str, str]]:
            return api.get("/dags/consumer/dagRuns", order_by="id").json()["dag_runs"]

        for count in (1, 2):
            watched.touch()
            wait_until(lambda count=count: len(runs()) == count, f"{count} runs")
            wait_until(lambda: runs()[-1]["state"] == "success", "the run succeeds")
        (first, _) = runs()
        assert first["run_type"] == "asset_triggered"
        told = api.xcom("consumer", first["dag_run_id"], "consume")
        assert told == [{"from_trigger": True, "payload": True}]
