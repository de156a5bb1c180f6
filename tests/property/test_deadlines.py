"""When runs should be over."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tests.dag_specs import dag
from tradewind.core.deadlines import RunWithoutDeadlines, interval_variables, run_deadlines, seconds_of
from tradewind.core.spec import DeadlineSpec

QUEUED = datetime(2026, 1, 1, tzinfo=UTC)

moments = st.integers(-100_000, 100_000).map(lambda seconds: QUEUED + timedelta(seconds=seconds))
references = st.one_of(
    st.sampled_from(["dagrun_queued_at", "dagrun_logical_date"]).map(lambda name: (name, dict[str, object]())),
    moments.map(lambda at: ("fixed_datetime", {"datetime": at.isoformat()})),
    st.tuples(st.integers(1, 5), st.integers(1, 5)).map(
        lambda bounds: ("average_runtime", {"max_runs": max(bounds), "min_runs": min(bounds)})
    ),
)


@st.composite
def deadlines(draw: st.DrawFn) -> DeadlineSpec:
    reference, data = draw(references)
    variable = draw(st.sampled_from([None, "a", "b"]))
    seconds = draw(st.integers(-10_000, 10_000))
    return DeadlineSpec(reference=reference, interval_seconds=seconds, data={**data}, interval_variable=variable)


@st.composite
def runs(draw: st.DrawFn) -> RunWithoutDeadlines:
    return RunWithoutDeadlines(
        dag_run_id=1,
        dag_version_id=UUID(int=1),
        queued_at=QUEUED,
        logical_date=draw(st.none() | moments),
        durations=tuple(draw(st.lists(st.integers(0, 10_000).map(float), max_size=7))),
    )


@given(st.lists(deadlines(), max_size=6), runs(), st.dictionaries(st.sampled_from("ab"), st.integers(-9, 9)))
def test_each_alert_is_due_its_interval_after_its_reference(
    specs: list[DeadlineSpec], run: RunWithoutDeadlines, intervals: dict[str, int]
) -> None:
    spec = dag(deadlines=tuple(specs))
    due = dict(run_deadlines(run, spec, intervals).due)
    assert interval_variables([spec]) == sorted({each.interval_variable for each in specs if each.interval_variable})
    for place, each in enumerate(specs):
        seconds = each.interval_seconds if each.interval_variable is None else intervals.get(each.interval_variable)
        reference = reference_of(each, run)
        assert (place in due) == (seconds is not None and reference is not None)
        if place in due and seconds is not None and reference is not None:
            assert abs(due[place] - timedelta(seconds=seconds) - reference) < timedelta(milliseconds=1)


def reference_of(deadline: DeadlineSpec, run: RunWithoutDeadlines) -> datetime | None:
    if deadline.reference == "fixed_datetime":
        return datetime.fromisoformat(str(deadline.data["datetime"]))
    if deadline.reference == "average_runtime":
        most, least = (int(str(deadline.data[name])) for name in ("max_runs", "min_runs"))
        latest = run.durations[:most]
        return QUEUED + timedelta(seconds=sum(latest) / len(latest)) if len(latest) >= least else None
    return QUEUED if deadline.reference == "dagrun_queued_at" else run.logical_date


@given(st.text(max_size=5))
def test_a_variable_says_a_whole_number_or_nothing(text: str) -> None:
    assert seconds_of(text) is None or int(text) == seconds_of(text)
    assert seconds_of("3600") == 3600
    assert seconds_of("1.5") is None
