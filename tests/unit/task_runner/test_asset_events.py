"""What tasks say of their outlets, and read of their inlets."""

import json
from typing import Any

import pytest

from tests.execution_api import ExecutionApi
from tests.unit.task_runner.conftest import Ran, RunSource
from tradewind.sdk.assets.asset import Asset, AssetAlias
from tradewind.sdk.assets.events import OutletEventAccessors
from tradewind.sdk.listeners import LISTENERS, TaskRunnerMarker, hookimpl

HEAD = """
from airflow.sdk import DAG, Asset, AssetAlias, Metadata, task
a, b = Asset("a", "s3://k/a"), Asset("b")
"""


def _events(ran: Ran) -> list[dict[str, Any]]:
    assert ran.result.outcome == "success", ran.output
    return [] if ran.result.effects is None else [json.loads(event) for event in ran.result.effects.asset_events]


def _file(decorator: str, body: str, arguments: str = "") -> str:
    lines = "".join(f"\n        {line}" for line in body.splitlines())
    return f"{HEAD}with DAG('d'):\n    @task({decorator})\n    def t({arguments}):{lines}\n    t()\n"


def test_each_outlet_has_an_event(run: RunSource, api: ExecutionApi) -> None:
    ran = run(_file("outlets=[a, b & a, AssetAlias('x'), 'no asset']", "pass"), url=api.url)
    assert _events(ran) == [
        {"asset": {"name": "a", "uri": "s3://k/a"}, "extra": {}},
        {"asset": {"name": "b", "uri": "b"}, "extra": {}},
    ]


def test_tasks_without_outlets_and_tasks_that_fail_say_nothing(run: RunSource, api: ExecutionApi) -> None:
    assert run(_file("", "pass"), url=api.url).result.effects is None
    failed = run(_file("outlets=[a]", "raise ValueError"), url=api.url)
    assert (failed.result.outcome, failed.result.effects) == ("failed", None)


class Heard:
    """A listener that notes what it hears of assets and attempts."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    @hookimpl
    def on_starting(self, component: Any) -> None:
        self.told.append(("on_starting", type(component)))

    @hookimpl
    def before_stopping(self, component: Any) -> None:
        self.told.append(("before_stopping", type(component)))

    @hookimpl
    def on_asset_changed(self, asset: Asset) -> None:
        self.told.append((asset.name, asset.uri, asset.extra))

    @hookimpl
    def on_asset_event_emitted(self, asset_event: Any) -> None:
        source = (asset_event.source_dag_id, asset_event.source_task_id, asset_event.source_map_index)
        aliases = [alias.name for alias in asset_event.source_aliases]
        self.told.append((asset_event.asset.name, asset_event.extra, source, aliases, asset_event.partition_key))


def test_listeners_hear_of_assets_and_attempts(run: RunSource, api: ExecutionApi) -> None:
    body = "outlet_events[AssetAlias('x')].add(Asset('found', extra={'k': 'v'}), extra={'n': 1})"
    heard = Heard()
    LISTENERS.add(heard)
    try:
        run(_file("outlets=[a, AssetAlias('x')]", body, "*, outlet_events"), url=api.url)
        run(_file("outlets=[a]", "raise ValueError"), url=api.url)
    finally:
        LISTENERS.clear()
    began, ended = ("on_starting", TaskRunnerMarker), ("before_stopping", TaskRunnerMarker)
    assert heard.told == [
        began,
        ("a", "s3://k/a", {}),
        ("a", {}, ("d", "t", -1), [], None),
        ("found", "found", {"k": "v"}),
        ("found", {"n": 1}, ("d", "t", -1), ["x"], None),
        ended,
        began,
        ended,
    ]


def test_extra_by_the_context(run: RunSource, api: ExecutionApi) -> None:
    body = "outlet_events[a].extra = {'n': 1}\noutlet_events[b].extra['of'] = 'no outlet'"
    assert _events(run(_file("outlets=[a]", body, "*, outlet_events"), url=api.url))[0]["extra"] == {"n": 1}


def test_extra_by_yielding_metadata(run: RunSource, api: ExecutionApi) -> None:
    body = "yield Metadata(a, {'n': 1}, alias=AssetAlias('x'))\nyield 'nothing'\nyield Metadata(a, {'m': 2})\nreturn 5"
    ran = run(_file("outlets=[a, AssetAlias('x')]", body), url=api.url)
    assert _events(ran) == [
        {"asset": {"name": "a", "uri": "s3://k/a"}, "extra": {"n": 1, "m": 2}},
        {"asset": {"name": "a", "uri": "s3://k/a", "extra": {}}, "extra": {"n": 1}, "aliases": ["x"]},
    ]
    assert ran.xcoms == {"return_value": 5}
    assert "Ignoring unknown data of <class 'str'> received from task" in ran.events


def test_aliases_name_assets(run: RunSource, api: ExecutionApi) -> None:
    body = """found = Asset('found', extra={'k': 'v'})
outlet_events[AssetAlias('x')].add(found, extra={'n': 1})
outlet_events[AssetAlias('y')].add(found, extra={'n': 1})
outlet_events[AssetAlias('y')].add(b)
outlet_events[AssetAlias('other')].add(a)"""
    ran = run(_file("outlets=[AssetAlias('x'), AssetAlias('y')]", body, "outlet_events"), url=api.url)
    found = {"name": "found", "uri": "found", "extra": {"k": "v"}}
    assert _events(ran) == [
        {"asset": found, "extra": {"n": 1}, "aliases": ["x", "y"]},
        {"asset": {"name": "b", "uri": "b", "extra": {}}, "extra": {}, "aliases": ["y"]},
    ]


def test_references_are_resolved_where_the_store_is(run: RunSource, api: ExecutionApi) -> None:
    api.assets.append({"name": "a", "uri": "s3://k/a", "group": "asset", "extra": {}})
    decorator = "outlets=[Asset.ref(name='a'), Asset.ref(uri='s3://k/z')]"
    body = "outlet_events[Asset.ref(uri='s3://k/a')].extra = {'n': 1}"
    ran = run(_file(decorator, body, "outlet_events"), url=api.url)
    assert _events(ran) == [{"asset": {"name": "a"}, "extra": {"n": 1}}, {"asset": {"uri": "s3://k/z"}, "extra": {}}]


def test_partitions_have_an_event_each(run: RunSource, api: ExecutionApi) -> None:
    body = "outlet_events[a].add_partitions('us')\noutlet_events[a].add_partitions(['eu', 'us'])"
    ran = run(_file("outlets=[a]", body, "outlet_events"), url=api.url)
    assert [event["partition_key"] for event in _events(ran)] == ["us", "eu"]


def test_partition_keys_that_are_refused() -> None:
    events = OutletEventAccessors()
    for key in (" ", "x" * 251):
        with pytest.raises(ValueError, match="partition_key"):
            events[Asset("a")].add_partitions(key)
    with pytest.raises(TypeError, match="alias"):
        events[AssetAlias("a")].add_partitions("us")
    with pytest.raises(TypeError, match="either an asset or an asset alias"):
        events["a"]


def test_hooks_may_say_something_too(run: RunSource, api: ExecutionApi) -> None:
    source = """
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG, Asset, Metadata
    a = Asset("a")
    def after(context, result):
        context["outlet_events"][a].extra["result"] = result
    def before(context):
        yield Metadata(a, {"before": True})
    with DAG("d"):
        BashOperator(task_id="t", bash_command="echo 7", outlets=[a], pre_execute=before, post_execute=after)
    """
    assert _events(run(source, url=api.url))[0]["extra"] == {"before": True, "result": "7"}


def test_inactive_assets_fail_the_task(run: RunSource, api: ExecutionApi) -> None:
    api.inactive_assets.append({"name": "a", "uri": "s3://k/a"})
    ran = run(_file("inlets=[a]", "print('ran')"), url=api.url)
    assert ran.result.outcome == "failed"
    assert "Task has the following inactive assets in its inlets or outlets" in (ran.result.detail or "")
    assert ran.printed == []


def test_extra_that_is_no_json_fails_the_task(run: RunSource, api: ExecutionApi) -> None:
    ran = run(_file("outlets=[a]", "outlet_events[a].extra = {'x': object()}", "outlet_events"), url=api.url)
    assert ran.result.outcome == "failed"
    assert "not JSON serializable" in (ran.result.detail or "")


EVENT: dict[str, object] = {
    "id": 4,
    "timestamp": "2026-01-02T03:04:05+00:00",
    "asset": {"name": "a", "uri": "s3://k/a", "group": "asset", "extra": {}},
    "extra": {"n": 1},
    "partition_key": None,
    "source_dag_id": "p",
    "source_run_id": "r",
    "source_task_id": "w",
    "source_map_index": -1,
    "source_aliases": ["x"],
    "created_dagruns": [],
}


def test_inlets_show_their_events(run: RunSource, api: ExecutionApi) -> None:
    api.asset_events.append(EVENT)
    api.xcoms["p", "r", "w", "return_value", "map_index=-1"] = 42
    body = """events = inlet_events[a]
newest = inlet_events[AssetAlias('x')].after('2026-01-01T00:00:00Z').ascending(False).limit(1)
source = events[-1].source_task_instance
return [events[0].extra['n'], len(newest), len(events[:-1]), source.task_id, source.xcom_pull(), events[0].asset.uri]"""
    ran = run(_file("inlets=[a, AssetAlias('x')]", body, "inlet_events"), url=api.url)
    assert ran.xcoms["return_value"] == [1, 1, 0, "w", 42, "s3://k/a"]
    asked = [request for request in api.requests if "asset-events" in request]
    assert [request.partition("?")[2].split("&")[:2] for request in asked] == [
        ["name=a", "uri=s3%3A%2F%2Fk%2Fa"],
        ["alias=x", "after=2026-01-01T00%3A00%3A00Z"],
    ]


def test_what_is_no_inlet_has_no_events(run: RunSource, api: ExecutionApi) -> None:
    body = "try:\n    inlet_events[b]\nexcept KeyError:\n    return 'no inlet'"
    assert run(_file("inlets=[a]", body, "inlet_events"), url=api.url).xcoms["return_value"] == "no inlet"


def test_templates_find_inlets_by_uri(run: RunSource, api: ExecutionApi) -> None:
    api.asset_events.append(EVENT)
    source = """
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG, Asset
    with DAG("d"):
        BashOperator(
            task_id="t",
            inlets=[Asset("a", "s3://k/a")],
            bash_command="echo '{{ inlet_events.for_asset(uri=\\'s3://k/a\\')[-1].extra | tojson }}'",
        )
    """
    assert run(source, url=api.url).xcoms["return_value"] == '{"n": 1}'


def test_what_made_the_run(run: RunSource, api: ExecutionApi) -> None:
    api.asset_events.append(EVENT)
    body = """by_name = {asset.name: [event.id for event in of] for asset, of in triggering_asset_events.items()}
none = [len(triggering_asset_events[Asset("other")]), triggering_asset_events.get(AssetAlias("other"))]
return [by_name, triggering_asset_events[a][0].source_dag_id, none]"""
    ran = run(_file("", body, "triggering_asset_events"), url=api.url)
    assert ran.xcoms["return_value"] == [{"a": [4], "x": [4]}, "p", [0, []]]


def test_functions_that_write_assets_get_what_their_arguments_name(run: RunSource, api: ExecutionApi) -> None:
    for name in ("first", "second"):
        api.assets.append({"name": name, "uri": f"s3://k/{name}", "group": "asset", "extra": {"of": name}})
    source = """
    from airflow.sdk import asset
    @asset(uri="s3://k/first", schedule=None)
    def first():
        pass
    @asset(uri="s3://k/second", schedule=first)
    def second(self, context, first, outlet_events, given=3):
        outlet_events[self].extra = {"from": first.uri}
        return [self.name, first.extra, context["ti"].task_id, given]
    """
    ran = run(source, "second", dag_id="second", url=api.url)
    assert ran.xcoms["return_value"] == ["second", {"of": "first"}, "second", 3]
    assert _events(ran) == [{"asset": {"name": "second", "uri": "s3://k/second"}, "extra": {"from": "s3://k/first"}}]
    unknown = run(source.replace("given=3", "third"), "second", dag_id="second", url=api.url)
    assert "there is no asset 'third'" in (unknown.result.detail or "")
