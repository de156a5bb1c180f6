"""Deadline alerts as authors write them."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from tradewind.core.spec import DeadlineSpec
from tradewind.sdk import DAG, AsyncCallback, BaseDeadlineReference, DeadlineAlert, DeadlineReference, SyncCallback
from tradewind.sdk.deadlines import Callback, VariableInterval
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.serialize import DagSpecError, serialize_dag

HOUR = timedelta(hours=1)


def hear(text: str, context: Any = None) -> tuple[str, Any]:
    return text, context


async def hear_later(**arguments: Any) -> Any:
    return arguments


class Own(BaseDeadlineReference):
    """An author's own."""


def specs_of(deadline: object) -> tuple[DeadlineSpec, ...]:
    return serialize_dag(DAG("d", deadline=deadline), "d.py").deadlines


def test_alerts_become_specs() -> None:
    callback = SyncCallback(hear, {"text": "late"})
    alerts = [
        DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, HOUR, callback, name="first"),
        DeadlineAlert(DeadlineReference.DAGRUN_LOGICAL_DATE, -HOUR, callback),
        DeadlineAlert(DeadlineReference.FIXED_DATETIME(datetime(2024, 1, 1, tzinfo=UTC)), HOUR, callback),
        DeadlineAlert(DeadlineReference.AVERAGE_RUNTIME(max_runs=5), HOUR, callback),
        DeadlineAlert(DeadlineReference.AVERAGE_RUNTIME(min_runs=2), HOUR, callback),
    ]
    assert specs_of(alerts) == (
        DeadlineSpec(reference="dagrun_queued_at", interval_seconds=3600.0, name="first"),
        DeadlineSpec(reference="dagrun_logical_date", interval_seconds=-3600.0),
        DeadlineSpec(
            reference="fixed_datetime", interval_seconds=3600.0, data={"datetime": "2024-01-01T00:00:00+00:00"}
        ),
        DeadlineSpec(reference="average_runtime", interval_seconds=3600.0, data={"max_runs": 5, "min_runs": 5}),
        DeadlineSpec(reference="average_runtime", interval_seconds=3600.0, data={"max_runs": 10, "min_runs": 2}),
    )
    assert len(specs_of(alerts[0])) == 1
    assert specs_of(None) == ()


@pytest.mark.parametrize(
    ("deadline", "said"),
    [
        (5, "5 is not a DeadlineAlert"),
        (DeadlineAlert(Own(), HOUR, SyncCallback(hear)), "Own is a reference of its own"),
        (
            DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, cast("timedelta", 3), SyncCallback(hear)),
            "interval must be a timedelta or a VariableInterval, not 3",
        ),
    ],
)
def test_what_cannot_be_reckoned_with_is_named(deadline: object, said: str) -> None:
    with pytest.raises(DagSpecError, match=f"d.py: DAG 'd': deadline: {said}"):
        specs_of(deadline)


def test_callbacks_get_their_arguments_and_the_context_if_they_take_it() -> None:
    assert SyncCallback(hear, {"text": "late"}).call({"a": 1}) == ("late", {"a": 1})
    assert SyncCallback(len, {}).path == "builtins.len"
    assert SyncCallback("textwrap.dedent", {"text": " a"}).call({}) == "a"
    with pytest.raises(ImportError):
        SyncCallback("no.such.thing").call({})


def test_what_is_no_callback_is_refused() -> None:
    with pytest.raises(ValueError, match="reserved"):
        SyncCallback(hear, {"context": 1})
    with pytest.raises(AttributeError, match="not awaitable"):
        AsyncCallback(hear)
    assert AsyncCallback(hear_later).path.endswith(".hear_later")
    with pytest.raises(ValueError, match="not currently supported"):
        DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, HOUR, Callback(hear))
    with pytest.raises(ValueError, match="min_runs"):
        DeadlineReference.AVERAGE_RUNTIME(min_runs=0)
    with pytest.raises(ImportError, match="'late!' is not the dotted path"):
        SyncCallback("late!")


def test_an_interval_may_be_what_a_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    alert = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, VariableInterval("patience"), SyncCallback(hear))
    spec = DeadlineSpec(reference="dagrun_queued_at", interval_seconds=0.0, interval_variable="patience")
    assert specs_of(alert) == (spec,)
    monkeypatch.setenv("AIRFLOW_VAR_PATIENCE", "90")
    assert VariableInterval("patience").resolve() == timedelta(seconds=90)
    monkeypatch.setenv("AIRFLOW_VAR_PATIENCE", "soon")
    with pytest.raises(ValueError, match=r"'patience' must be an integer .*'soon'"):
        VariableInterval("patience").resolve()


def test_slas_are_taken_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="DAG 'd': SLAs are no more"):
        dag = DAG("d", sla_miss_callback=hear)
    with pytest.warns(UserWarning, match="Task 't': SLAs are no more"):
        EmptyOperator(task_id="t", sla=HOUR, dag=dag)
