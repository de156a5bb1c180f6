"""`dag.cli()`: a DAG file as a command of its own, to list and try its tasks without any service."""

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tradewind.sdk.exceptions import TaskNotFound
from tradewind.sdk.timezone import parse
from tradewind.sdk.trials import try_task
from tradewind.sdk.types import NOTSET, is_mapping

if TYPE_CHECKING:
    from tradewind.sdk.dags import DAG


def run_dag_cli(dag: "DAG", argv: Sequence[str]) -> int:
    """Do what the arguments say and print what came of it; the exit code, 1 for a task or run that failed. Wrong use
    ends the process with 2, as argparse does."""
    parser = _parser(dag)
    asked = parser.parse_args(argv)
    if asked.command == "tasks list":
        _say("\n".join(sorted(dag.task_ids)))
        return 0
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    if asked.command == "dags test":
        pattern = asked.mark_success_pattern
        run = dag.test(logical_date=asked.logical_date, run_conf=asked.conf, mark_success_pattern=pattern)
        for name, state in run.states().items():
            _say(f"{name}: {state}")
        _say(f"{dag.dag_id} {run.run_id}: {run.state}")
        return int(run.state == "failed")
    try:
        ti = try_task(
            dag, asked.task_id, logical_date=asked.logical_date, run_conf=asked.task_params, map_index=asked.map_index
        )
    except TaskNotFound as exc:
        parser.error(str(exc))
    _say(f"{asked.task_id}: {ti.state}" + (f" ({ti.error})" if ti.error else ""))
    return int(ti.state in ("failed", "up_for_retry"))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _parser(dag: "DAG") -> argparse.ArgumentParser:
    others = f"Commands that need the services, such as pausing, are those of `tradewind dags … {dag.dag_id}`."
    parser = argparse.ArgumentParser(description=f"The DAG {dag.dag_id}.", epilog=others)
    groups = parser.add_subparsers(required=True, metavar="{tasks,dags}")
    tasks = groups.add_parser("tasks", help="list or try tasks").add_subparsers(required=True, metavar="{list,test}")
    tasks.add_parser("list", help="the ids of the tasks").set_defaults(command="tasks list")
    one = tasks.add_parser("test", help="run one task, once")
    one.add_argument("task_id")
    one.add_argument("-t", "--task-params", type=_object, default={}, metavar="JSON", help="the run's conf")
    one.add_argument("--map-index", type=int, default=-1)
    one.set_defaults(command="tasks test")
    whole = groups.add_parser("dags", help="try the DAG").add_subparsers(required=True, metavar="{test}")
    run = whole.add_parser("test", help="run the DAG to its end")
    run.add_argument("-c", "--conf", type=_object, default={}, metavar="JSON", help="the run's conf")
    run.add_argument("--mark-success-pattern", metavar="REGEX", help="tasks that are taken for done")
    run.set_defaults(command="dags test")
    for command in (one, run):
        command.add_argument("logical_date", nargs="?", type=_date, default=NOTSET, help="now, if not given")
    return parser


def _date(text: str) -> datetime:
    try:
        return parse(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date: {exc}") from exc


def _object(text: str) -> Mapping[str, Any]:
    try:
        value: object = json.loads(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"not JSON: {exc}") from exc
    if not is_mapping(value):
        raise argparse.ArgumentTypeError(f"not a JSON object: {text}")
    return value
