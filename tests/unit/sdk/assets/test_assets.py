"""Assets, conditions, and DAGs that wait for them, as authors write them."""

from pathlib import Path

import pytest

from tradewind.core.spec import AssetRef, AssetWatcherSpec, DagSpec
from tradewind.sdk import DAG
from tradewind.sdk.assets.access_control import AssetAccessControl
from tradewind.sdk.assets.asset import Asset, AssetAlias, AssetAll, AssetAny, AssetWatcher, Dataset
from tradewind.sdk.assets.decorators import asset
from tradewind.sdk.assets.mappers import IdentityMapper, StartOfDayMapper, StartOfHourMapper
from tradewind.sdk.assets.specs import expression_of
from tradewind.sdk.assets.timetables import PartitionedAssetTimetable, PartitionedAtRuntime
from tradewind.sdk.dag_file import load_dag_file
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.serialize import DagSpecError, serialize_dag
from tradewind.sdk.triggers.file import FileDeleteTrigger, FileTrigger

A, B, C = Asset("a"), Asset("b", "s3://bucket/b/"), Asset("c")
_ALIAS = {"alias": {"name": "al", "group": "asset"}}


def _spec(dag: DAG) -> DagSpec:
    return serialize_dag(dag, "f.py")


def test_name_and_uri_stand_for_each_other() -> None:
    assert (A.name, A.uri, A.group, A.extra) == ("a", "a", "asset", {})
    assert (Asset(uri="file:///x").name, Dataset("d").group) == ("file:///x", "dataset")
    assert B == Asset("b", "s3://bucket/b") != C
    assert len({B, Asset("b", "s3://bucket/b/")}) == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("S3://Bucket/key/", "s3://Bucket/key"),
        ("s3://bucket", "s3://bucket/"),
        ("https://h/p?b=2&a=1#part", "https://h/p?a=1&b=2"),
        ("x-mine://h/p/", "x-mine://h/p/"),
        ("plain text/", "plain text/"),
    ],
)
def test_uris_take_one_form(given: str, kept: str) -> None:
    assert Asset(uri=given).uri == kept


def test_password_of_a_uri_is_dropped() -> None:
    with pytest.warns(UserWarning, match="should not contain a password"):
        assert Asset(uri="postgres://me:secret@host/table").uri == "postgres://host/table"


@pytest.mark.parametrize("name", ["", " ", "self", "context", "x" * 1501])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        Asset(name)


def test_refused_arguments() -> None:
    with pytest.raises(TypeError, match="either 'name' or 'uri'"):
        Asset()
    with pytest.raises(ValueError, match="'airflow' is reserved"):
        Asset(uri="airflow://x")
    with pytest.raises(TypeError, match="not both"):
        Asset.ref(name="a", uri="b")
    with pytest.raises(ValueError, match="BaseEventTrigger"):
        AssetWatcher("w", FileTrigger("f"))  # pyright: ignore[reportArgumentType] - what is tested
    with pytest.raises(ValueError, match="producer_teams"):
        AssetAccessControl(producer_teams=[" "])
    with pytest.raises(TypeError, match="asset expressions"):
        AssetAny(A, "b")  # pyright: ignore[reportArgumentType] - what is tested


def test_conditions_combine() -> None:
    assert AssetAny(A, B) == A | B
    assert AssetAny(A, B, C) == (A | B) | C
    assert AssetAll(A, B, C) == (A & B) & C
    assert AssetAny(AssetAll(A, B), C) == (A & B) | C
    assert AssetAny(A, B) != AssetAll(A, B)
    with pytest.raises(TypeError):
        A & "b"  # pyright: ignore[reportUnusedExpression, reportOperatorIssue] - what is tested


def test_a_condition_as_json() -> None:
    condition = A | (AssetAlias("al") & Asset.ref(uri="u") & Asset.ref(name="n"))
    assert expression_of(condition) == {
        "any": [
            {"asset": {"uri": "a", "name": "a", "group": "asset"}},
            {"all": [_ALIAS, {"asset_ref": {"uri": "u"}}, {"asset_ref": {"name": "n"}}]},
        ]
    }  # fmt: skip


def test_a_dag_that_waits_for_assets() -> None:
    spec = _spec(DAG("d", schedule=[A, B]))
    assert spec.asset_condition == expression_of(A & B)
    assert [ref.name for ref in spec.schedule_assets] == ["a", "b"]
    assert (spec.timetable_summary, spec.timetable_description) == ("Asset", "Triggered by assets")
    assert _spec(DAG("d", schedule=A)).asset_condition == expression_of(A)
    assert _spec(DAG("d")).asset_condition is None


def test_a_schedule_with_something_else_among_the_assets() -> None:
    with pytest.raises(ValueError, match="should be either assets, asset references, or asset aliases"):
        DAG("d", schedule=[A, "b"])


def test_inlets_and_outlets_of_tasks() -> None:
    watched = Asset("w", watchers=[AssetWatcher("files", FileDeleteTrigger("/f"))], extra={"k": 1})
    closed = Asset("closed", access_control=AssetAccessControl(producer_teams=["t"], allow_global=False))
    with DAG("d") as dag:
        EmptyOperator(
            task_id="t", inlets=[watched, "text"], outlets=[AssetAlias("al"), Asset.ref(name="n"), A & closed]
        )
    task = _spec(dag).tasks[0]
    classpath = "airflow.providers.standard.triggers.file.FileDeleteTrigger"
    watcher = AssetWatcherSpec(name="files", classpath=classpath, kwargs={"filepath": "/f", "poke_interval": 5.0})
    assert task.inlets == (AssetRef(name="w", uri="w", extra={"k": 1}, watchers=(watcher,)),)
    assert [(ref.kind, ref.name) for ref in task.outlets] == [
        ("alias", "al"), ("name_ref", "n"), ("asset", "a"), ("asset", "closed"),
    ]  # fmt: skip
    assert task.outlets[3].access_control == {"producer_teams": ["t"], "consumer_teams": None, "allow_global": False}
    assert not task.is_empty


def test_extra_that_is_no_json_names_file_dag_and_task() -> None:
    with DAG("d") as dag:
        EmptyOperator(task_id="t", outlets=[Asset("a", extra={"x": object()})])
    with pytest.raises(DagSpecError, match=r"f\.py: DAG 'd': task 't': extra of asset 'a' cannot be stored as JSON"):
        _spec(dag)


def test_partitioned_schedules() -> None:
    timetable = PartitionedAssetTimetable(
        assets=A & B, partition_mapper_config={B: StartOfDayMapper()}, default_partition_mapper=StartOfHourMapper()
    )
    spec = _spec(DAG("d", schedule=timetable))
    assert spec.partition_mappers == {
        "default": StartOfHourMapper().serialize(),
        "by_asset": [{"name": "b", "uri": "s3://bucket/b", "mapper": StartOfDayMapper().serialize()}],
    }
    assert spec.timetable_summary == "Partitioned Asset"
    plain = _spec(DAG("d", schedule=PartitionedAssetTimetable(assets=[A])))
    assert plain.partition_mappers == {"default": IdentityMapper().serialize(), "by_asset": []}
    at_runtime = _spec(DAG("d", schedule=PartitionedAtRuntime()))
    assert (at_runtime.is_partitioned_at_runtime, at_runtime.asset_condition) == (True, None)


ASSET_FILE = """
from airflow.sdk import Asset, asset, dag, task

@asset(uri="s3://bucket/first", schedule=None)
def first():
    pass

@asset(schedule=first, tags=["t"])
def second(self, context, first, given=1):
    pass

@asset.multi(schedule="@daily", outlets=[Asset("x"), Asset("y")])
def several():
    pass

@asset(schedule=None, dag_id="decorated")
@task.bash(retries=3)
def shell():
    return ":"
"""


def test_functions_that_write_assets(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text(ASSET_FILE)
    dags = load_dag_file(tmp_path / "f.py", tmp_path).dags
    specs = {dag_id: serialize_dag(dag, "f.py") for dag_id, dag in dags.items()}
    assert sorted(specs) == ["decorated", "first", "second", "several"]
    first, second = specs["first"].tasks[0], specs["second"].tasks[0]
    assert (first.task_id, first.outlets[0].uri, first.inlets) == ("first", "s3://bucket/first", ())
    assert (second.inlets, specs["second"].tags) == ((AssetRef(kind="name_ref", name="first", group=""),), ("t",))
    assert specs["second"].asset_condition == {"asset": {"uri": "s3://bucket/first", "name": "first", "group": "asset"}}
    assert [ref.name for ref in specs["several"].tasks[0].outlets] == ["x", "y"]
    assert (specs["decorated"].tasks[0].retries, specs["decorated"].tasks[0].outlets[0].name) == (3, "shell")


def _many(*names: str) -> None: ...


def _any(**names: str) -> None: ...


def _with_context(context: object, value: int = 1) -> None: ...


def test_functions_that_cannot_write_assets() -> None:
    for function, message in ((_many, "wildcard"), (_any, "wildcard")):
        with pytest.raises(TypeError, match=message):
            asset(schedule=None)(function)

    def inner() -> None: ...

    with pytest.raises(ValueError, match="nested function"):
        asset(schedule=None)(inner)
    with pytest.raises(ValueError, match="no outlets"):
        asset.multi(schedule=None, outlets=[])(_with_context)
    with pytest.raises(TypeError, match=r"\['catchup'\]"):
        asset(schedule=None, catchup=True)
