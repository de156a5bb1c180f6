"""What a child asks an author's own timetable about runs that a person wants."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from tradewind.core.timetables.asking import Asked
from tradewind.sdk import timezone as tz
from tradewind.sdk.dag_file import load_dag_file, user_traceback
from tradewind.sdk.dags import DAG
from tradewind.sdk.masking import MASKER
from tradewind.sdk.timetables.base import DagRunInfo, TimeRestriction
from tradewind.wire.codec import decode, encode
from tradewind.wire.messages import TimetableAnswer, TimetableQuestion

Run = tuple[datetime, datetime, datetime]


def said_by(path: Path, root: Path, question: bytes) -> bytes:
    """The answer (a `TimetableAnswer`) to a `TimetableQuestion`, whatever the file does."""
    asked = decode(question, TimetableQuestion)
    try:
        dag = load_dag_file(path, root).dags.get(asked.dag_id)
        answer = TimetableAnswer(tuple(_runs(_known(dag, asked), asked)))
    except BaseException as exc:
        answer = TimetableAnswer(error=MASKER.redact(user_traceback(exc)))
    return encode(answer)


def _known(dag: DAG | None, asked: TimetableQuestion) -> DAG:
    if dag is None:
        raise LookupError(f"{asked.relative_fileloc}: there is no DAG {asked.dag_id!r}")
    return dag


def _runs(dag: DAG, asked: TimetableQuestion) -> Iterator[Run]:
    if asked.kind == Asked.MANUAL_INTERVAL:
        interval = dag.timetable.infer_manual_data_interval(run_after=_pendulum(asked.first))
        yield (asked.first, *_ends(dag, interval))
    else:
        yield from _past_runs(dag, asked)


def _past_runs(dag: DAG, asked: TimetableQuestion) -> Iterator[Run]:
    """In the timetable's order, up to those that are not over yet; one that repeats itself is an error."""
    restriction = TimeRestriction(_pendulum(asked.first), _pendulum(asked.last), catchup=True)
    last: DagRunInfo | None = None
    for _ in range(asked.limit):
        info = dag.timetable.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)
        if info is None or info.data_interval is None or info.data_interval[1] >= tz.utcnow():
            return
        if info == last:
            raise ValueError(f"{_where(dag)}: next_dagrun_info gives the same run again: {info!r}")
        yield (tz.as_utc(info.run_after), *_ends(dag, info.data_interval))
        last = info


def _ends(dag: DAG, interval: Any) -> tuple[datetime, datetime]:
    try:
        start, end = interval
        return _utc(start), _utc(end)
    except (TypeError, ValueError):
        raise TypeError(f"{_where(dag)}: a data interval has two aware datetimes, not {interval!r}") from None


def _utc(moment: datetime) -> datetime:
    if not isinstance(moment, datetime) or tz.is_naive(moment):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
        raise TypeError(moment)
    return tz.as_utc(moment)


def _pendulum(moment: datetime) -> datetime:
    converted = tz.coerce_datetime(moment)
    assert converted is not None
    return converted


def _where(dag: DAG) -> str:
    return f"DAG {dag.dag_id!r}: timetable {type(dag.timetable).__qualname__}"
