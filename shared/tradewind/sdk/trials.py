"""What `dag.test()` and `tradewind dags test` ask for: a run of a DAG inside this process."""

import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from re import Pattern
from typing import TYPE_CHECKING, Any, Final

from tradewind.sdk import timezone as tz
from tradewind.sdk.secrets.search import forget_backends
from tradewind.sdk.types import NOTSET

if TYPE_CHECKING:
    from tradewind.sdk.dags import DAG

_RUNNER: Final = "tradewind.task_runner.trial"
"""Imported by name: running tasks is not the business of what authors import, which everything else stands upon."""

_BACKEND: Final = "tradewind.sdk.secrets.local_filesystem.LocalFilesystemBackend"


def try_dag(
    dag: "DAG",
    *,
    run_after: datetime | None,
    logical_date: Any,
    run_conf: Mapping[str, Any] | None,
    conn_file_path: str | None,
    variable_file_path: str | None,
    mark_success_pattern: "Pattern[str] | str | None",
    use_executor: bool = False,
) -> Any:
    """Run a DAG to its end; the run with its task instances. Arguments as for `DAG.test`."""
    runner = import_module(_RUNNER)
    wanted = runner.Wanted(
        **dates_of(dag, run_after, logical_date),
        conf=dict(run_conf or {}),
        mark_success_pattern=mark_success_pattern,
        apart=use_executor,
    )
    with secrets_from_files(conn_file_path, variable_file_path):
        return runner.try_dag(dag, wanted)


def try_task(dag: "DAG", task_id: str, *, logical_date: Any, run_conf: Mapping[str, Any] | None, map_index: int) -> Any:
    """Run one task of a DAG, once; its instance. Raises TaskNotFound."""
    runner = import_module(_RUNNER)
    wanted = runner.Wanted(**dates_of(dag, None, logical_date), conf=dict(run_conf or {}))
    return runner.try_task(dag, task_id, wanted, map_index)


def render_task(dag: "DAG", task_id: str, *, logical_date: Any, run_conf: Mapping[str, Any], map_index: int) -> Any:
    """One task of a DAG with its templated fields rendered, not executed. Raises TaskNotFound."""
    runner = import_module(_RUNNER)
    wanted = runner.Wanted(**dates_of(dag, None, logical_date), conf=dict(run_conf))
    return runner.render_task(dag, task_id, wanted, map_index)


def dates_of(dag: "DAG", run_after: datetime | None, logical_date: Any) -> dict[str, Any]:
    """`run_after`, `logical_date` (now, if it was not given; None is a run without one) and `data_interval`."""
    now = datetime.now(UTC)
    date = tz.coerce_datetime(now if logical_date is NOTSET else logical_date)
    interval = None if date is None else dag.timetable.infer_manual_data_interval(run_after=date)
    return {
        "run_after": now if run_after is None else tz.as_utc(run_after),
        "logical_date": None if date is None else tz.as_utc(date),
        "data_interval": None if interval is None else (tz.as_utc(interval.start), tz.as_utc(interval.end)),
    }


@contextmanager
def secrets_from_files(conn_file_path: str | None, variable_file_path: str | None) -> Generator[None]:
    """Meanwhile connections and variables are looked for in these files (JSON, YAML or `.env`) first."""
    files = {"connections_file_path": conn_file_path, "variables_file_path": variable_file_path}
    given = {name: path for name, path in files.items() if path}
    variables = (
        {
            "TRADEWIND__SECRETS__BACKEND": _BACKEND,
            "TRADEWIND__SECRETS__BACKEND_KWARGS": json.dumps(given),
        }
        if given
        else {}
    )
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    forget_backends()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
