"""The options of a service that may run in the background: one set, for all of them."""

import inspect
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tradewind.cli.daemons.places import Places

Command = Callable[..., None]


def _words(
    daemon: Annotated[bool, typer.Option("-D", "--daemon", help="Run in the background.")] = False,
    pid: Annotated[Path | None, typer.Option("--pid", metavar="FILE", help="Where to leave the process's id.")] = None,
    log_file: Annotated[
        Path | None, typer.Option("-l", "--log-file", metavar="FILE", help="Where the service's log goes.")
    ] = None,
    stdout: Annotated[
        Path | None, typer.Option("--stdout", metavar="FILE", help="Where other output of its processes goes.")
    ] = None,
    stderr: Annotated[Path | None, typer.Option("--stderr", metavar="FILE", help="Where their errors go.")] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Log at the level DEBUG.")] = False,
) -> tuple[bool, Places]:
    if verbose:
        os.environ["TRADEWIND__LOGGING__LEVEL"] = "DEBUG"
    given = {"pid": pid, "log": log_file, "stdout": stdout, "stderr": stderr}
    return daemon, Places(**{name: None if path is None else path.absolute() for name, path in given.items()})


_WORDS: Final[Mapping[str, inspect.Parameter]] = inspect.signature(_words).parameters


def may_run_in_background(name: str) -> Callable[[Command], Command]:
    """The command with these options. Without `-D` files that are named are used in the foreground."""

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_words(**given: Any) -> None:
            words = {word: given.pop(word) for word in _WORDS if word in given}
            _run(name, *_words(**words), partial(command, **given))

        own = inspect.signature(command, eval_str=True)
        parameters = [
            each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own.parameters.values(), *_WORDS.values())
        ]
        signature = own.replace(parameters=parameters)
        with_words.__dict__["__signature__"] = signature
        with_words.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": None}
        return with_words

    return decorate


def _run(name: str, daemon: bool, places: Places, run: Callable[[], None]) -> None:
    if daemon:
        _run_in_background(name, places, run)
    elif places.is_empty:
        run()
    else:
        _run_in_foreground(name, places, run)


def _run_in_background(name: str, places: Places, run: Callable[[], None]) -> None:
    from tradewind.cli.daemons.detaching import detach
    from tradewind.service.settings import ServiceSettings, load_settings

    places = places.completed(load_settings(ServiceSettings).home, name)
    pid = detach(name, places, run)
    typer.echo(
        f"{name} runs in the background as process {pid}\n"
        f"  pid file  {places.pid}\n  log       {places.log}\n  output    {places.stdout}\n  errors    {places.stderr}"
    )


def _run_in_foreground(name: str, places: Places, run: Callable[[], None]) -> None:
    from tradewind.cli.daemons.pid_file import PidFile

    with ExitStack() as stack:
        output = stack.enter_context(places.output())
        if places.pid is not None:
            stack.enter_context(PidFile(places.pid, name).held())
        stack.enter_context(output.taken())
        run()
