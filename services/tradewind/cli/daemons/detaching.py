"""Leaving the terminal: a process of its own session, whose beginning the caller waits for."""

import os
import select
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, NoReturn

from tradewind.cli.daemons.pid_file import PidFile
from tradewind.cli.daemons.places import Output, Places
from tradewind.core.errors import ConfigError

UMASK: Final = 0o077
"""Airflow's `daemon_umask`: what a daemon writes is its user's."""
BEGINNING_SECONDS: Final = 1.0
"""Whoever ends within this time, for want of a setting, say, is not reported as running."""
_TOLD_MAX: Final = 4096


def detach(name: str, places: Places, run: Callable[[], None]) -> int:
    """Run it in the background; returns the process's id once it holds its pid file and goes on. Raises `ConfigError`
    for whatever stands against it. To be called before there are threads or an event loop.

    The working folder stays: relative paths of settings mean what they mean in the foreground.
    """
    assert places.pid is not None, "a daemon has a pid file"
    pid_file = PidFile(places.pid, name)
    pid_file.refuse_if_held()
    with places.output() as output:
        told, tell = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            os.close(told)
            os.setsid()
            if os.fork() > 0:
                os._exit(0)
            _run(pid_file, output, run, tell)
        os.close(tell)
        os.waitpid(child, 0)
        return _heard(told, name, output)


def _heard(told: int, name: str, output: Output) -> int:
    said = os.read(told, _TOLD_MAX).decode()
    readable, _, _ = select.select([told], [], [], BEGINNING_SECONDS)  # only its end can be read
    os.close(told)
    if said.isdecimal() and not readable:
        return int(said)
    raise ConfigError(
        f"the {name} ended at once: {output.last_error}" if said.isdecimal() else said or "it ended before it began"
    )


def _run(pid_file: PidFile, output: Output, run: Callable[[], None], tell: int) -> NoReturn:
    os.umask(UMASK)
    with ExitStack() as stack:
        try:
            stack.enter_context(pid_file.held())
        except ConfigError as exc:  # another one was faster
            os.write(tell, str(exc).encode()[:_TOLD_MAX])
            os._exit(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        stack.enter_context(output.taken())
        os.write(tell, str(os.getpid()).encode())  # and left open: its closing is this process's end
        run()
    sys.exit(0)
