"""What a request to run a DAG comes to."""

from datetime import UTC, datetime
from uuid import UUID

from tradewind.api.models.dag_runs import TriggerDAGRunPostBody
from tradewind.api.triggering import Requester, new_dag_run, told_apart
from tradewind.core.spec import DagSpec, TimetableSpec
from tradewind.db.api.dags import NewDagRun

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
ENTROPY = UUID(int=0xABCDEF12)
PARTITIONED = TimetableSpec(
    kind="cron_partition", data={"expression": "@daily", "timezone": "UTC", "run_offset": 0, "key_format": "%Y"}
)


def run_of(body: TriggerDAGRunPostBody, timetable: TimetableSpec | None = None) -> NewDagRun:
    spec = DagSpec(dag_id="d", relative_fileloc="d.py", timetable=timetable)
    return new_dag_run("d", ENTROPY, spec, body, Requester(username="u", triggered_by="ui", now=NOW, entropy=ENTROPY))


def test_a_run_id_is_the_moment_when_it_is_due() -> None:
    assert run_of(TriggerDAGRunPostBody(logical_date=None)).run_id == "manual__2026-01-02T03:04:05.000678+00:00"
    run = run_of(TriggerDAGRunPostBody(logical_date=None), PARTITIONED)
    assert run.run_id == "manual__2026-01-02T03:04:05.000678+00:00__abcdef12"


def test_runs_asked_for_at_one_moment_are_told_apart() -> None:
    body = TriggerDAGRunPostBody(logical_date=None)
    apart = told_apart(run_of(body), body, ENTROPY)
    assert apart is not None
    assert apart.run_id == "manual__2026-01-02T03:04:05.000678+00:00_abcdef12"


def test_what_a_person_named_is_not_changed() -> None:
    for body in (
        TriggerDAGRunPostBody(logical_date=NOW),
        TriggerDAGRunPostBody(logical_date=None, dag_run_id="mine"),
        TriggerDAGRunPostBody(logical_date=None, run_after=NOW),
    ):
        assert told_apart(run_of(body), body, ENTROPY) is None
