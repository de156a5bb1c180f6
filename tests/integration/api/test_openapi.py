"""Our OpenAPI against Airflow's, as the package `apache-airflow-client` carries it: same operations, parameters,
bodies, answers. Ours may say more, never less or something else."""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import pytest
import yaml

from tests.servers.api import ApiServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

Json = Mapping[str, Any]

METHODS: Final = ("get", "post", "patch", "delete", "put")

WANTED: Final = (
    "login",
    "logout",
    "get_version",
    "get_health",
    "get_config",
    "get_config_value",
    "get_dags",
    "patch_dags",
    "get_dag",
    "get_dag_details",
    "patch_dag",
    "get_dag_runs",
    "trigger_dag_run",
    "get_dag_run",
    "wait_dag_run_until_finished",
    "get_task_instances",
    "get_task_instance",
    "get_mapped_task_instance",
    "get_task_instance_tries",
    "get_task_instance_dependencies",
    "get_task_instance_dependencies_by_map_index",
    "bulk_dag_runs",
    "patch_dag_run",
    "delete_dag_run",
    "bulk_task_instances",
    "patch_task_instance",
    "delete_task_instance",
    "patch_task_instance_by_map_index",
    "delete_dag",
    "post_clear_task_instances",
    "clear_dag_run",
    "clear_dag_runs",
    "patch_task_instance_dry_run",
    "patch_task_instance_dry_run_by_map_index",
    "patch_task_group_instances_dry_run",
    "patch_task_group_instances",
    "get_dag_versions",
    "get_dag_version",
    "get_mapped_task_instance_tries",
    "get_task_instance_try_details",
    "get_mapped_task_instance_try_details",
    "get_hitl_details",
    "get_hitl_detail",
    "get_hitl_detail_try_detail",
    "update_hitl_detail",
    "get_assets",
    "get_asset",
    "get_asset_aliases",
    "get_asset_alias",
    "get_asset_events",
    "create_asset_event",
    "materialize_asset",
    "get_asset_queued_events",
    "delete_asset_queued_events",
    "get_dag_asset_queued_events",
    "delete_dag_asset_queued_events",
    "get_dag_asset_queued_event",
    "delete_dag_asset_queued_event",
    "get_upstream_asset_events",
    "list_backfills",
    "get_backfill",
    "pause_backfill",
    "unpause_backfill",
    "cancel_backfill",
    "create_backfill",
    "create_backfill_dry_run",
    "get_log",
    "get_extra_links",
    "get_xcom_entries",
    "get_xcom_entry",
    "create_xcom_entry",
    "update_xcom_entry",
    "delete_xcom_entry",
    "list_task_state_store",
    "get_task_state_store",
    "set_task_state_store",
    "patch_task_state_store",
    "delete_task_state_store",
    "clear_task_state_store",
    "get_import_errors",
    "get_import_error",
    "get_event_logs",
    "get_event_log",
    "get_tasks",
    "get_task",
    "list_asset_state_store",
    "get_asset_state_store",
    "set_asset_state_store",
    "delete_asset_state_store",
    "clear_asset_state_store",
    "get_dag_source",
    "reparse_dag_file",
    "get_list_dag_runs_batch",
    "get_task_instances_batch",
    "get_mapped_task_instances",
    "get_external_log_url",
    "clear_dag_run_partitions",
    "get_dag_tags",
    "get_dag_stats",
    "list_dag_warnings",
    "favorite_dag",
    "unfavorite_dag",
    "get_pools",
    "get_pool",
    "post_pool",
    "patch_pool",
    "delete_pool",
    "bulk_pools",
    "bulk_variables",
    "bulk_connections",
    "create_default_connections",
    "import_errors",
    "get_plugins",
    "get_providers",
    "get_jobs",
    "get_variables",
    "post_variable",
    "get_variable",
    "patch_variable",
    "delete_variable",
    "get_connections",
    "post_connection",
    "get_connection",
    "patch_connection",
    "delete_connection",
    "test_connection",
    "enqueue_connection_test",
    "get_connection_test",
)

OURS: Final = (
    *("explain_task_instance", "explain_mapped_task_instance", "get_next_runs"),
    *("run_task_instance", "run_mapped_task_instance"),
    *("get_workers", "get_worker", "get_worker_attempts", "drain_worker", "get_queues"),
    *("get_events", "get_webhooks", "get_webhook", "post_webhook", "rotate_webhook", "delete_webhook"),
    "deliver_webhook",
)
"""What Airflow does not have."""


class Operation(NamedTuple):
    method: str
    path: str
    body: Json


class Document:
    """An OpenAPI document, and its schemas in a form that two versions of the standard share."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self.operations = {
            cast("str", operation["operationId"]): Operation(method, path, operation)
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if method in METHODS
        }

    def parameters(self, name: str) -> dict[tuple[str, str], tuple[bool, object]]:
        """(in, name) → (required, type)."""
        found = self.operations[name].body.get("parameters", [])
        return {(p["in"], p["name"]): (bool(p.get("required")), self.shape(p.get("schema", {}))) for p in found}

    def request(self, name: str) -> object:
        body = self.operations[name].body.get("requestBody")
        return None if body is None else self.shape(body["content"]["application/json"]["schema"])

    def answers(self, name: str) -> dict[str, object]:
        """Status → type of its JSON, None without one."""
        return {
            status: self.shape(answer.get("content", {}).get("application/json", {}).get("schema"))
            for status, answer in self.operations[name].body["responses"].items()
        }

    def shape(self, schema: Json | None) -> object:
        """What a value looks like: `{"field": (required, type)}`, `[type]`, an enum's values, or a type's name.

        Whether null is allowed is left out: the standard's versions differ in how they say it.
        """
        if not schema:
            return None
        if "$ref" in schema:
            return self.shape(self._resolve(schema["$ref"]))
        if "anyOf" in schema or "oneOf" in schema:
            shapes = [self.shape(part) for part in schema.get("anyOf", schema.get("oneOf")) if part != {"type": "null"}]
            return shapes[0] if len(shapes) == 1 else tuple(shapes)
        if "enum" in schema:
            return frozenset(str(value) for value in schema["enum"] if value is not None)
        if schema.get("type") == "array":
            return [self.shape(schema.get("items"))]
        if "properties" in schema:
            required = schema.get("required", ())
            return {key: (key in required, self.shape(part)) for key, part in schema["properties"].items()}
        return ":".join(str(schema[key]) for key in ("type", "format") if key in schema) or None

    def _resolve(self, reference: str) -> Json:
        node: Any = self._document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        return node


@cache
def airflows() -> Document:
    files = distribution("apache-airflow-client").files or []
    [path] = [file for file in files if file.name == "v2.yaml"]
    return Document(yaml.safe_load(Path(str(path.locate())).read_text()))


def differences(theirs: object, ours: object, where: str, *, is_sent: bool = False) -> Iterator[str]:
    """What of theirs is missing in ours, or different. `is_sent`: what a client may leave out of theirs, it must be
    free to leave out of ours."""
    if theirs is None:
        return
    if where.endswith(" 422") and isinstance(ours, tuple):
        # Theirs names one shape of what is wrong and has two.
        refusals = [list(differences(theirs, each, where)) for each in cast("tuple[object, ...]", ours)]
        yield from min(refusals, key=len)
    elif isinstance(theirs, dict):
        yield from _field_differences(cast("Json", theirs), ours, where, is_sent=is_sent)
    elif isinstance(theirs, list) and isinstance(ours, list):
        left, right = cast("list[object]", theirs)[0], cast("list[object]", ours)[0]
        yield from differences(left, right, f"{where}[]", is_sent=is_sent)
    elif isinstance(theirs, tuple) and isinstance(ours, tuple):
        pairs = zip(cast("tuple[object, ...]", theirs), cast("tuple[object, ...]", ours), strict=False)
        for number, (left, right) in enumerate(pairs):
            yield from differences(left, right, f"{where}|{number}", is_sent=is_sent)
    elif is_sent and isinstance(theirs, frozenset) and isinstance(ours, frozenset):
        if not theirs <= ours:
            yield f"{where}: fewer values here"
    elif theirs != ours:
        yield f"{where}: {theirs} there, {ours} here"


def _field_differences(theirs: Json, ours: object, where: str, *, is_sent: bool) -> Iterator[str]:
    if not isinstance(ours, dict):
        yield f"{where}: an object there, {ours} here"
        return
    fields = cast("Json", ours)
    for key, (required, shape) in theirs.items():
        if key not in fields:
            yield f"{where}.{key}: missing"
            continue
        our_required, our_shape = fields[key]
        if (is_sent and our_required and not required) or (not is_sent and required and not our_required):
            yield f"{where}.{key}: required is {required} there, {our_required} here"
        yield from differences(shape, our_shape, f"{where}.{key}", is_sent=is_sent)


def operation_differences(name: str, theirs: Document, ours: Document, tally: Counter[str]) -> Iterator[str]:
    """All differences of one operation; what was compared is counted."""
    left, right = theirs.operations[name], ours.operations[name]
    if (left.method, left.path) != (right.method, right.path):
        yield f"{name}: {left.method} {left.path} there, {right.method} {right.path} here"
    our_parameters = ours.parameters(name)
    for key, (required, shape) in theirs.parameters(name).items():
        tally["parameters"] += 1
        if key not in our_parameters:
            yield f"{name} parameter {key}: missing"
            continue
        our_required, our_shape = our_parameters[key]
        if required != our_required:
            yield f"{name} parameter {key}: required is {required} there, {our_required} here"
        yield from differences(shape, our_shape, f"{name} parameter {key}", is_sent=True)
    yield from differences(theirs.request(name), ours.request(name), f"{name} body", is_sent=True)
    our_answers = ours.answers(name)
    for status, shape in theirs.answers(name).items():
        tally["answers"] += 1
        tally["fields of answers"] += len(cast("Json", shape)) if isinstance(shape, dict) else 0
        if status not in our_answers:
            yield f"{name}: no {status} here"
        else:
            yield from differences(cast("object", shape), our_answers[status], f"{name} {status}")


async def test_every_operation_is_airflows(api: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    theirs, ours = airflows(), Document((await api.client.get("/openapi.json")).json())
    tally: Counter[str] = Counter()
    found: list[str] = []
    for name in WANTED:
        tally["operations"] += 1
        found += operation_differences(name, theirs, ours, tally)

    with capsys.disabled():
        counts = ", ".join(f"{count} {what}" for what, count in tally.items())
        print(f"\nOpenAPI compared with Airflow's: {counts}; {len(found)} differences")  # noqa: T201 - the tally
    assert not found, "\n".join(found)


async def test_everything_under_api_v2_is_airflows(api: ApiServer) -> None:
    theirs, ours = airflows(), Document((await api.client.get("/openapi.json")).json())

    extra = [
        name
        for name, operation in ours.operations.items()
        if operation.path.startswith("/api/v2") and name not in (*theirs.operations, *OURS)
    ]
    unlisted = [
        name
        for name, operation in ours.operations.items()
        if operation.path.startswith("/api/v2") and name not in (*WANTED, *OURS)
    ]
    assert (extra, unlisted) == ([], [])


async def test_the_comparison_sees_what_is_missing() -> None:
    theirs = {"a": (True, "string"), "b": (False, [frozenset({"x"})])}

    assert list(differences(theirs, {"a": (True, "string"), "b": (False, [frozenset({"x"})]), "c": 1}, "w")) == []
    assert list(differences(theirs, {"a": (False, "string")}, "w")) == [
        "w.a: required is True there, False here",
        "w.b: missing",
    ]
    assert list(differences(theirs, {"a": (True, "integer"), "b": (True, ["string"])}, "w", is_sent=True)) != []
