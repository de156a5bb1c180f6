"""What tasks do through `ti`, `dag_run` and the context: XComs of mapped tasks, earlier runs, kept values, backends."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.execution_api import ExecutionApi
from tests.unit.task_runner.conftest import RunSource
from tradewind.core.states import Outcome
from tradewind.sdk.xcom import BaseXCom, StoredValue
from tradewind.task_runner.attempt.lazy_values import Proxy

HEAD = """
from datetime import date, datetime, timedelta, timezone
from airflow.sdk import DAG, task
from airflow.exceptions import AirflowException
from tradewind.sdk.lazy_sequence import LazyXComSequence
"""


def _task(body: str, arguments: str = "ti, **context") -> str:
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    return f'{HEAD}\nwith DAG("d"):\n    @task\n    def t({arguments}):\n{lines}\n    reference = t()\n'


def _push(api: ExecutionApi, *values: object, task_id: str = "many") -> None:
    for index, value in enumerate(values):
        api.xcoms["d", "manual__1", task_id, "return_value", f"map_index={index}"] = value


def test_mapped_task_is_pulled_as_a_list(run: RunSource, api: ExecutionApi) -> None:
    _push(api, 10, 20, 30)
    body = """
return [
    ti.xcom_pull("many"),
    ti.xcom_pull("many", map_indexes=1),
    ti.xcom_pull("many", map_indexes=[2, 0, 7], default="none"),
    ti.xcom_pull(["many", "gone"], default="none"),
    ti.xcom_pull("gone", default="none"),
    ti.xcom_pull("many", map_indexes=None),
]
""".strip()
    ran = run(_task(body), url=api.url)
    assert ran.xcoms["return_value"] == [[10, 20, 30], 20, [30, 10, "none"], [10, 20, 30, "none"], "none", None]


def test_only_value_of_a_mapped_task_stands_alone(run: RunSource, api: ExecutionApi) -> None:
    _push(api, 10)
    assert run(_task('return ti.xcom_pull("many")'), url=api.url).xcoms["return_value"] == 10


def test_sequence_is_read_as_it_is_used(run: RunSource, api: ExecutionApi) -> None:
    _push(api, *range(250))
    body = """
from types import SimpleNamespace
operator = SimpleNamespace(dag_id="d", task_id="many")
values = LazyXComSequence(SimpleNamespace(operator=operator, key="return_value"), ti)
before = repr(values)
try:
    values[250]
except IndexError as exc:
    missing = str(exc)
return [before, len(values), repr(values), values[3], values[-1], values[1:4], sum(values), values == list(range(250)),
        values == [1], 7 in values, missing]
""".strip()
    ran = run(_task(body), url=api.url)
    assert ran.result.detail is None
    assert ran.xcoms["return_value"] == [
        "LazyXComSequence(<unevaluated length>)",
        250,
        "LazyXComSequence([250 items])",
        3,
        249,
        [1, 2, 3],
        sum(range(250)),
        True,
        False,
        True,
        "250",
    ]
    assert sum("xcom-items" in request for request in api.requests) == 3


def test_sequence_needs_a_running_task() -> None:
    with pytest.raises(Exception, match="only be read"):
        BaseXCom.get_one(dag_id="d", run_id="r", task_id="t", key="k")


def test_earlier_run_is_asked_for_when_it_is_used(run: RunSource, api: ExecutionApi) -> None:
    copies = "return [len({**context}) > 20, len(dict(context)) > 20, len(context.copy()) > 20]"
    assert run(_task(copies), url=api.url).xcoms["return_value"] == [True, True, True]
    assert api.requests == []
    api.previous_run = {"run_id": "earlier", "start_date": "2021-01-01T00:00:00Z", "data_interval_end": None}
    body = """
start = context["prev_start_date_success"]
return [start.year, f"{start:%d}", start < datetime(2022, 1, 1, tzinfo=timezone.utc), (start + timedelta(days=1)).day,
        isinstance(start, datetime), bool(context["prev_data_interval_end_success"]),
        ti.get_previous_dagrun().run_id, hasattr(ti.get_previous_dagrun(), "other")]
""".strip()
    ran = run(_task(body), url=api.url)
    assert ran.result.detail is None
    assert ran.xcoms["return_value"] == [2021, "01", True, 2, True, False, "earlier", False]


def test_proxy_stands_for_its_value() -> None:
    made: list[int] = []
    five = Proxy(lambda: made.append(1) or 5)
    assert made == []
    assert (str(five), repr(five), five == 5, five <= 5, five >= 6, five > 4, five - 1, 7 - five) == (
        *("5", "5", True, True, False, True),
        *(4, 2),
    )
    assert hash(five) == hash(5)
    assert made == [1]


def test_reschedules_and_names_come_from_the_grant(run: RunSource) -> None:
    body = """
run = context["dag_run"]
return [context["task_reschedule_count"], str(ti.get_first_reschedule_date(context)), run.triggering_user_name,
        run.partition_key, context["partition_key"], ti.log_url]
""".strip()
    granted: dict[str, Any] = {
        "task_reschedule_count": 2,
        "first_start_date": datetime(2021, 1, 1, tzinfo=UTC),
        "triggering_user_name": "zoë",
        "partition_key": "p",
    }
    ran = run(_task(body), map_index=3, **granted)
    url = "http://localhost:8080/dags/d/runs/manual__1/tasks/t/mapped/3?try_number=1"
    assert ran.xcoms["return_value"] == [2, "2021-01-01 00:00:00+00:00", "zoë", "p", "p", url]


def test_first_reschedule_date_is_none_before_the_first(run: RunSource) -> None:
    ran = run(_task("return ti.get_first_reschedule_date(context)"), first_start_date=datetime(2021, 1, 1, tzinfo=UTC))
    assert ran.xcoms == {}


def test_values_are_kept_over_tries(run: RunSource, api: ExecutionApi) -> None:
    api.task_states["job"] = 7
    body = """
store = context["task_state_store"]
before = [store.get("job"), store.get("none", "default")]
store.set("job", {"id": 8}, retention=timedelta(hours=1))
store.set("gone", 1)
store.delete("gone")
return [*before, store.get("job"), store.get("gone")]
""".strip()
    ran = run(_task(body), url=api.url)
    assert ran.xcoms["return_value"] == [7, "default", {"id": 8}, None]
    assert api.task_states == {"job": {"id": 8}}


def test_none_is_not_kept(run: RunSource, api: ExecutionApi) -> None:
    ran = run(_task('context["task_state_store"].set("job", None)'), url=api.url)
    assert ran.result.detail == "ValueError: the value of 'job' cannot be None"


class ElsewhereXCom(BaseXCom):
    """Keeps values in a table, and stores where they are."""

    kept: dict[str, object] = {}  # noqa: RUF012 - shared on purpose: a bucket

    @staticmethod
    def serialize_value(value: Any, *, key: str | None = None, **_place: Any) -> Any:
        """The name under which it was put."""
        name = f"bucket/{len(ElsewhereXCom.kept)}/{key}"
        ElsewhereXCom.kept[name] = value
        return BaseXCom.serialize_value(name)

    @staticmethod
    def deserialize_value(result: Any) -> Any:
        """What is kept under the name."""
        return ElsewhereXCom.kept[BaseXCom.deserialize_value(result)]

    @classmethod
    def purge(cls, xcom: StoredValue, *args: Any) -> None:
        """Take it away."""
        del cls.kept[xcom.value]


def test_backend_stands_between_tasks_and_the_store(
    run: RunSource, api: ExecutionApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__XCOM_BACKEND", f"{__name__}.ElsewhereXCom")
    body = """
from airflow.models import XCom
ti.xcom_push("mine", {1, 2})
pulled = ti.xcom_pull(key="mine")
XCom.delete("mine", "t", "d", "manual__1")
return [pulled == {1, 2}, ti.xcom_pull(key="mine")]
""".strip()
    ran = run(_task(body), url=api.url)
    assert ran.result.detail is None
    assert list(ElsewhereXCom.kept.values()) == [[True, None]]
    assert ran.xcoms["return_value"] == "bucket/0/return_value"
    ElsewhereXCom.kept.clear()


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("nowhere.Backend", "[core] xcom_backend: 'nowhere.Backend' cannot be imported: No module named 'nowhere'"),
        ("datetime.datetime", "[core] xcom_backend: 'datetime.datetime' is not derived from BaseXCom"),
    ],
)
def test_wrong_backend_is_named(run: RunSource, monkeypatch: pytest.MonkeyPatch, path: str, error: str) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__XCOM_BACKEND", path)
    ran = run(_task("return 1"))
    assert (ran.result.outcome, ran.result.detail) == (Outcome.FAILED, f"AirflowConfigException: {error}")


def test_retention_is_sent(api: ExecutionApi, run: RunSource) -> None:
    run(_task('context["task_state_store"].set("k", 1, retention=timedelta(days=2))'), url=api.url)
    expires = datetime.fromisoformat(json.loads(api.bodies[-1])["expires_at"])
    assert timedelta(days=1) < expires - datetime.now(UTC) < timedelta(days=3)
