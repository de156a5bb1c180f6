"""What a child answers about an author's own partition mapper."""

from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tradewind.core.dag_requests import DagRequest, RequestKind
from tradewind.core.partitions.asked import AskedEvent, AskedEvents, MappedEvent, MappedKey
from tradewind.dag_processor.requests.answers import Answer
from tradewind.dag_processor.requests.child import answer_in
from tradewind.sdk import aliases

DAY = datetime(2030, 1, 1, tzinfo=UTC)
FILE = """
from airflow.sdk import DAG, Asset, PartitionedAssetTimetable, RollupMapper, MinimumCount
from airflow.partition_mappers.base import PartitionMapper
from airflow.partition_mappers.window import Window
from datetime import datetime, timezone

class Strip(PartitionMapper):
    def to_downstream(self, key):
        if key == "many":
            return [str(number) for number in range(int(self.max_downstream_keys or 1) + 1)]
        if key == "bad":
            return 7
        return key.split("::")[1]
    def to_partition_date(self, key):
        return {"dated": datetime(2030, 1, 1, tzinfo=timezone.utc), "naive": datetime(2030, 1, 1)}.get(key)
    def carry_partition_date(self, date):
        return date

class Regions(Window):
    def to_upstream(self, decoded):
        return [region + "::" + decoded for region in ("us", "eu")]

rollup = RollupMapper(upstream_mapper=Strip(), window=Regions(), wait_policy=MinimumCount(-1))
with DAG("own", schedule=PartitionedAssetTimetable(
    assets=[Asset("a", "s3://a"), Asset("b", "s3://b"), Asset("c", "s3://c")],
    partition_mapper_config={Asset("b", "s3://b"): rollup, Asset("c", "s3://c"): Strip(max_downstream_keys=3)},
    default_partition_mapper=Strip(),
)):
    pass
none = DAG("none")
"""


@pytest.fixture(autouse=True)
def _aliases() -> Generator[None]:  # pyright: ignore[reportUnusedFunction] - autouse
    yield
    aliases.uninstall()


def ask(folder: Path, *events: tuple[str, str], dag_id: str = "own") -> Answer:
    """About events of (asset, key), numbered from 1."""
    file = folder / "own.py"
    file.write_text(FILE)
    asked = tuple(
        AskedEvent(event_id=number, name=name, uri=f"s3://{name}", partition_key=key, partition_date=DAY)
        for number, (name, key) in enumerate(events, 1)
    )
    reason = msgspec.json.encode(AskedEvents(digest="d", events=asked)).decode()
    request = DagRequest(
        id=1,
        generation=0,
        attempts=1,
        dag_id=dag_id,
        kind=RequestKind.MAP_PARTITIONS,
        relative_fileloc="own.py",
        reason=reason,
    )
    return msgspec.json.decode(answer_in(file, folder, msgspec.json.encode(request)), type=Answer)


def test_each_event_is_mapped_by_the_mapper_of_its_asset(tmp_path: Path) -> None:
    answer = ask(tmp_path, ("a", "eu::dated"), ("b", "eu::x"), ("a", "eu::naive"))
    assert answer.error is None
    assert answer.mapped == {
        1: MappedEvent(digest="d", keys=(MappedKey(key="dated", date=DAY, carried=DAY),)),
        2: MappedEvent(digest="d", keys=(MappedKey(key="x", expected=("eu::x", "us::x"), minimum=-1),)),
        3: MappedEvent(digest="d", keys=(MappedKey(key="naive", is_readable=False, carried=DAY),)),
    }


def test_what_one_event_makes_a_mapper_raise_is_said_of_that_one(tmp_path: Path) -> None:
    mapped = ask(tmp_path, ("a", "plain"), ("a", "bad"), ("c", "many"), ("a", "eu::x")).mapped
    assert "Strip: key 'plain' of asset 'a' cannot be mapped" in (mapped[1].error or "")
    assert "IndexError" in (mapped[1].error or "")
    assert "Strip.to_downstream must give a text, or several, not 7" in (mapped[2].error or "")
    assert "counts for 4 partitions; at most 3 may" in (mapped[3].error or "")
    assert [key.key for key in mapped[4].keys] == ["x"]


def test_a_dag_that_waits_for_no_partitions_any_more_is_done_with(tmp_path: Path) -> None:
    assert ask(tmp_path, ("a", "eu::x"), dag_id="none") == Answer()
    assert "there is no DAG 'gone'" in (ask(tmp_path, ("a", "eu::x"), dag_id="gone").error or "")
