"""What `dags test` and `tasks test` do: load the DAG here, run it here, say what came of it."""

import json
import logging
import os
import pdb
import sys
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Final, NoReturn

import typer

from tradewind.cli.output.pictures import Node, dot
from tradewind.sdk.dag_bag import DagBag
from tradewind.sdk.dags import DAG
from tradewind.sdk.exceptions import TaskNotFound
from tradewind.sdk.timezone import parse
from tradewind.sdk.trials import render_task, try_task
from tradewind.sdk.types import NOTSET, is_mapping
from tradewind.service.settings import ServiceSettings, load_settings

FAILED = 1
WRONG_USE = 2

STATE_COLOURS: Final[Mapping[str | None, str]] = {
    "success": "palegreen",
    "failed": "tomato",
    "upstream_failed": "orange",
    "skipped": "pink",
    "up_for_retry": "gold",
    "removed": "lightgrey",
}


def try_dag(
    dag_id: str,
    logical_date: str | None,
    *,
    conf: str | None,
    path: str | None,
    mark_success_pattern: str | None,
    use_executor: bool,
) -> tuple[DAG, Any]:
    """Run a DAG and print the states of its tasks; returns the DAG and the run."""
    dag = _found(dag_id, path)
    _log_to_stdout()
    run = dag.test(
        logical_date=_date(logical_date),
        run_conf=_object(conf, "--conf"),
        mark_success_pattern=mark_success_pattern,
        use_executor=use_executor,
    )
    for name, state in run.states().items():
        typer.echo(f"{name}: {state}")
    typer.echo(f"{dag_id} {run.run_id}: {run.state}")
    return dag, run


def picture_of(dag: DAG, states: Mapping[str, str | None]) -> str:
    """The DAG in graphviz's language, coloured by how its tasks ended."""
    nodes = [
        Node(
            task.task_id,
            task.task_display_name or task.task_id,
            colour=STATE_COLOURS.get(states.get(task.task_id), "white"),
        )
        for task in dag.tasks
    ]
    edges = [(task.task_id, after) for task in dag.tasks for after in sorted(task.downstream_task_ids)]
    return dot(dag.dag_id, nodes, edges)


def try_one(
    dag_id: str,
    task_id: str,
    logical_date: str | None,
    *,
    map_index: int,
    conf: str | None,
    path: str | None,
    env_vars: str | None,
    post_mortem: bool,
) -> None:
    """Run one task, once, and print what it returned."""
    os.environ.update({name: str(value) for name, value in _object(env_vars, "--env-vars").items()})
    os.environ["AIRFLOW_TEST_MODE"] = "True"
    dag = _found(dag_id, path)
    _log_to_stdout()
    failure = _LastFailure()
    logging.getLogger().addHandler(failure)
    try:
        given = _object(conf, "--task-params")
        ti = try_task(dag, task_id, logical_date=_date(logical_date), run_conf=given, map_index=map_index)
    except TaskNotFound as exc:
        _refuse(str(exc))
    typer.echo(f"{task_id}: {ti.state}" + (f" ({ti.error})" if ti.error else ""))
    if ti.state in ("failed", "up_for_retry"):
        if post_mortem:
            pdb.post_mortem(failure.traceback)
        raise typer.Exit(FAILED)


def rendered_here(
    dag_id: str, task_id: str, logical_date: Any, conf: Mapping[str, Any], map_index: int
) -> dict[str, Any]:
    """The templated fields of a task of a DAG file that is here, rendered."""
    try:
        task = render_task(_found(dag_id, None), task_id, logical_date=logical_date, run_conf=conf, map_index=map_index)
    except TaskNotFound as exc:
        _refuse(str(exc))
    return {name: getattr(task, name, None) for name in task.template_fields}


class _LastFailure(logging.Handler):
    """Keeps where the exception that was logged last came from."""

    def __init__(self) -> None:
        super().__init__()
        self.traceback: TracebackType | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.traceback = record.exc_info[2]


def _found(dag_id: str, path: str | None) -> DAG:
    bag = loaded_bag(path)
    dag = bag.get_dag(dag_id)
    if dag is None:
        for file, error in bag.import_errors.items():
            typer.echo(f"{file} cannot be imported:\n{error}", err=True)
        _refuse(f"there is no DAG {dag_id!r} in {bag.dag_folder}; there are: {', '.join(sorted(bag.dags)) or 'none'}")
    return dag


def loaded_bag(path: str | None) -> DagBag:
    """The DAGs of this file or folder; None = of the DAGs folder."""
    settings = load_settings(ServiceSettings)
    os.environ.setdefault("TRADEWIND__CORE__DAGS_FOLDER", str(settings.dags_folder))
    return DagBag(path or settings.dags_folder)


def _refuse(reason: str) -> NoReturn:
    typer.echo(reason, err=True)
    raise typer.Exit(WRONG_USE)


def _date(text: str | None) -> "datetime | Any":
    if text is None:
        return NOTSET
    try:
        return parse(text)
    except ValueError as exc:
        _refuse(f"{text!r} is not a date: {exc}")


def _object(text: str | None, option: str) -> Mapping[str, Any]:
    try:
        value: object = json.loads(text or "{}")
    except ValueError as exc:
        _refuse(f"{option} is not JSON: {exc}")
    if not is_mapping(value):
        _refuse(f"{option} must be a JSON object, not {text}")
    return value


def _log_to_stdout() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
