"""The argv of `tradewind tasks run`, built and read: which task instance, as which attempt, with which flags.

Messages to executors and workers carry it, and people type it. The words are those of Airflow's `tasks run`. An argv
is never run as a program by a worker of ours: it is read here, and whatever it says beyond these words is refused, for
an order that is half understood is not carried out.

Airflow's names may begin with a dash (`-x`, `--help`). Others do run the argv as a program (executors of third
parties, pods, stock Celery workers), so such names come last, after a `--`:

    tradewind tasks run my_dag my_task my_run --map-index -1 --attempt-id …
    tradewind tasks run --map-index -1 --attempt-id … -- -x my_task --help
"""

from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

import msgspec

from tradewind.wire.codec import UndecodableMessage

PROGRAM: Final = ("tradewind", "tasks", "run")

_POSITIONAL: Final = 3
_NAMES_FOLLOW: Final = "--"
_MAP_INDEX_MAX_DIGITS: Final = 9
_SWITCHES: Final = {
    "--mark-success": "mark_success",
    "--ignore-all-dependencies": "ignore_all_deps",
    "--ignore-depends-on-past": "ignore_depends_on_past",
    "--ignore-dependencies": "ignore_task_deps",
    "--force": "ignore_ti_state",
}
_VALUED: Final = ("--map-index", "--attempt-id", "--depends-on-past", "--pool")


class RunFlags(msgspec.Struct, frozen=True, kw_only=True):
    """How a task instance is to be run, as Airflow's executors and `tasks run` name it."""

    mark_success: bool = False
    """It ends as success without running its code."""
    ignore_all_deps: bool = False
    """It is queued whatever it depends on."""
    ignore_depends_on_past: bool = False
    ignore_task_deps: bool = False
    """Upstream tasks, trigger rules, the time of a retry."""
    ignore_ti_state: bool = False
    """It is queued even if it has succeeded or runs."""
    pool: str | None = None
    """Slots of this pool instead of the task's own."""


NO_FLAGS: Final = RunFlags()


class TaskRun(msgspec.Struct, frozen=True, kw_only=True):
    """What an argv asks for."""

    dag_id: str
    task_id: str
    run_id: str
    map_index: int = -1
    attempt_id: UUID | None = None
    """None: whoever reads it has an attempt queued first."""
    flags: RunFlags = NO_FLAGS


def task_run_command(run: TaskRun) -> tuple[str, ...]:
    """Its argv; flags that are not set are left out."""
    names = (run.dag_id, run.task_id, run.run_id)
    options = _written_options(run)
    if run.dag_id.startswith("-") or run.task_id.startswith("-") or run.run_id.startswith("-"):
        return (*PROGRAM, *options, _NAMES_FOLLOW, *names)
    return (*PROGRAM, *names, *options)


def _written_options(run: TaskRun) -> list[str]:
    options = ["--map-index", str(run.map_index)]
    if run.attempt_id is not None:
        options += ("--attempt-id", str(run.attempt_id))
    if run.flags == NO_FLAGS:
        return options
    for option, field in _SWITCHES.items():
        if getattr(run.flags, field):
            options.append(option)
    if run.flags.pool is not None:
        options += ("--pool", run.flags.pool)
    return options


def parse_task_run_command(command: Sequence[str]) -> TaskRun:
    """The reverse of `task_run_command`, in any order of options, also as `--option=value`. Raises
    `UndecodableMessage`, whose text names what is wrong."""
    if tuple(command[: len(PROGRAM)]) != PROGRAM:
        raise UndecodableMessage(f"the command is not `tradewind tasks run` but {_begun(command)}")
    arguments = command[len(PROGRAM) :]
    if len(arguments) < _POSITIONAL:
        raise UndecodableMessage("the command is not `tradewind tasks run DAG_ID TASK_ID RUN_ID …`: too few arguments")
    (dag_id, task_id, run_id), options = _split(arguments)
    values: dict[str, str] = {}
    switches: dict[str, bool] = {}
    for option, value in _options(options):
        if value is None:
            switches[_SWITCHES[option]] = True
        else:
            values[option] = value
    if _ignores_past(values.get("--depends-on-past", "check")):
        switches["ignore_depends_on_past"] = True
    pool = values.get("--pool")
    return TaskRun(
        dag_id=dag_id,
        task_id=task_id,
        run_id=run_id,
        map_index=_map_index(values.get("--map-index", "-1")),
        attempt_id=_uuid(values["--attempt-id"]) if "--attempt-id" in values else None,
        flags=RunFlags(pool=pool, **switches) if switches or pool is not None else NO_FLAGS,
    )


def _split(arguments: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """(names, options). Names that begin with a dash stand first, too, in messages of earlier versions."""
    if arguments[0].startswith("-") and tuple(arguments[-_POSITIONAL - 1 : -_POSITIONAL]) == (_NAMES_FOLLOW,):
        return arguments[-_POSITIONAL:], arguments[: -_POSITIONAL - 1]
    return arguments[:_POSITIONAL], arguments[_POSITIONAL:]


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """(option, value) pairs; the value of a switch is None."""
    rest = iter(arguments)
    for argument in rest:
        option, equals, value = argument.partition("=")
        if argument in _SWITCHES:
            yield argument, None
        elif option not in _VALUED:
            raise UndecodableMessage(f"the command has {argument!r}, which `tradewind tasks run` does not know here")
        elif equals:
            yield option, value
        elif (following := next(rest, None)) is not None:
            yield option, following
        else:
            raise UndecodableMessage(f"option `{option}` of the command has no value")


def _ignores_past(value: str) -> bool:
    if value not in ("check", "ignore"):
        raise UndecodableMessage(
            f"option `--depends-on-past` of the command: {value!r} is neither 'check' nor 'ignore'"
        )
    return value == "ignore"


def _map_index(value: str) -> int:
    if value == "-1":
        return -1
    if not (value.isascii() and value.isdecimal() and len(value) <= _MAP_INDEX_MAX_DIGITS):
        raise UndecodableMessage(f"option `--map-index` of the command: {value[:40]!r} is no place in a mapped task")
    return int(value)


def _uuid(value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError as exc:
        raise UndecodableMessage(f"option `--attempt-id` of the command: {value!r} is not a UUID") from exc


def _begun(command: Sequence[str]) -> str:
    """Its first words, for people."""
    return repr(" ".join(command[:4])[:100]) if command else "empty"
