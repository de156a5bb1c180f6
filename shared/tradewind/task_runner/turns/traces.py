"""What an attempt may leave behind in its process, and how the process is made clean for the next one.

Put back: environment, working directory, umask, signal handlers and mask, timers, logging, warnings, locale, limits of
resources, import paths and the hooks of `sys`; modules that were removed or replaced. Forgotten: modules of the DAGs
folder that the attempt imported, which may be others by the next one. Made new: the state of `random` and of numpy's.
What cannot be undone ends the process: threads, other user ids, a limit that cannot be raised again.

Kept on purpose: other modules that were imported, what they and the DAG file hold in variables of their own, and open
files. Whoever minds asks for a process of its own.
"""

import gc
import locale
import logging
import os
import random
import resource
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

from tradewind.task_runner.forking.process_groups import child_pids, signal_group

_SIGNALS: Final = tuple(number for number in range(1, 32) if number not in (signal.SIGKILL, signal.SIGSTOP))
_TIMERS: Final = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_LIMITS: Final = tuple(sorted(getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")))


class CannotClean(Exception):
    """The process is not what it was, and cannot be made so."""


class _Setting(NamedTuple):
    """Something of the process that an attempt may change and that can be put back."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]


def _attributes(owner: Any, *names: str) -> Iterator[_Setting]:
    for name in names:

        def write(value: Any, name: str = name) -> None:
            setattr(owner, name, value)

        yield _Setting(f"{owner.__name__}.{name}", lambda name=name: getattr(owner, name), write)


def _sequences(owner: Any, *names: str) -> Iterator[_Setting]:
    """Lists that are changed in place."""
    for name in names:

        def write(value: Any, name: str = name) -> None:
            setattr(owner, name, list(value))

        yield _Setting(f"{owner.__name__}.{name}", lambda name=name: tuple(getattr(owner, name)), write)


def _read_umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _write_limits(limits: tuple[tuple[int, int], ...]) -> None:
    for number, limit in zip(_LIMITS, limits, strict=True):
        if resource.getrlimit(number) != limit:
            resource.setrlimit(number, limit)


def _write_handlers(handlers: tuple[Any, ...]) -> None:
    for number, handler in zip(_SIGNALS, handlers, strict=True):
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def _read_environment() -> dict[bytes, bytes]:
    """As `os.environ` keeps it: to decode it all would take longer than everything else here together."""
    return dict(getattr(os.environ, "_data"))  # noqa: B009 - private, so a type checker must not see it


def _write_environment(environment: dict[bytes, bytes]) -> None:
    now = _read_environment()
    for name in now.keys() - environment.keys():
        del os.environb[name]
    for name, value in environment.items():
        if now.get(name) != value:
            os.environb[name] = value


def _write_mask(mask: set[signal.Signals]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _write_locale(name: str) -> None:
    locale.setlocale(locale.LC_ALL, name)


def _write_collector(enabled: bool) -> None:
    gc.enable() if enabled else gc.disable()


def _output_of() -> tuple[tuple[int, int], ...]:
    statuses = (os.fstat(1), os.fstat(2))
    return tuple((status.st_dev, status.st_ino) for status in statuses)


def _cannot_write(_value: Any) -> None:
    raise CannotClean


_SETTINGS: Final = (
    _Setting("the environment", _read_environment, _write_environment),
    _Setting("the working directory", os.getcwd, os.chdir),
    _Setting("the umask", _read_umask, os.umask),
    _Setting("signal handlers", lambda: tuple(map(signal.getsignal, _SIGNALS)), _write_handlers),
    _Setting(
        "the signal mask",
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        _write_mask,
    ),
    _Setting("limits of resources", lambda: tuple(map(resource.getrlimit, _LIMITS)), _write_limits),
    _Setting("user and group ids", lambda: (os.getresuid(), os.getresgid()), _cannot_write),
    _Setting("standard output", _output_of, _cannot_write),
    _Setting("the locale", lambda: locale.setlocale(locale.LC_ALL), _write_locale),
    _Setting("the default timeout of sockets", socket.getdefaulttimeout, socket.setdefaulttimeout),
    _Setting("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    _Setting("the trace function", sys.gettrace, sys.settrace),
    _Setting("the profile function", sys.getprofile, sys.setprofile),
    _Setting("the garbage collector", gc.isenabled, _write_collector),
    _Setting("the level that logging is disabled at", lambda: logging.root.manager.disable, logging.disable),
    *_sequences(sys, "path", "argv", "meta_path", "path_hooks"),
    *_sequences(warnings, "filters"),
    *_attributes(warnings, "showwarning"),
    *_attributes(sys, "stdin", "stdout", "stderr", "excepthook", "displayhook", "breakpointhook", "unraisablehook"),
    *_attributes(threading, "excepthook"),
)


class Traces:
    """Remembers what the process is when this is made, before its first attempt."""

    def __init__(self, dags_folder: str) -> None:
        self._folder = dags_folder.rstrip("/") + "/"
        self._before = [(setting, setting.read()) for setting in _SETTINGS]
        self._modules = dict(sys.modules)
        self._loggers = _loggers()

    def erase(self) -> str | None:
        """Make the process what it was; else why it must not be used again. Processes that are left over are killed
        in any case, and tell of an attempt that may have left more."""
        _stop_timers()
        if killed := _kill_children():
            return f"{killed} process(es) of it were left over and have been killed"
        if left := _threads_left():
            return f"threads of it are left over: {left}"
        for setting, before in self._before:
            try:
                if setting.read() != before:
                    setting.write(before)
            except (CannotClean, OSError, ValueError, locale.Error):
                return f"it changed {setting.name}, which cannot be put back"
        self._restore_loggers()
        self._restore_modules()
        _renew_randomness()
        return None

    def _restore_modules(self) -> None:
        if sys.modules == self._modules:
            return
        for name, module in list(sys.modules.items()):
            if name not in self._modules and not self._is_of_folder(module):
                self._modules[name] = module
        sys.modules.clear()
        sys.modules.update(self._modules)

    def _is_of_folder(self, module: Any) -> bool:
        path = getattr(module, "__file__", None)
        return isinstance(path, str) and path.startswith(self._folder)

    def _restore_loggers(self) -> None:
        now = _loggers()
        if now == self._loggers:
            return
        for name, state in now.items():
            before = self._loggers.get(name, _NEW_LOGGER)
            if state != before:
                before.apply(logging.getLogger(name))


class _LoggerState(NamedTuple):
    level: int
    handlers: tuple[logging.Handler, ...]
    filters: tuple[Any, ...]
    disabled: bool
    propagate: bool

    def apply(self, logger: logging.Logger) -> None:
        logger.setLevel(self.level)
        logger.handlers, logger.filters = list(self.handlers), list(self.filters)
        logger.disabled, logger.propagate = self.disabled, self.propagate


_NEW_LOGGER: Final = _LoggerState(logging.NOTSET, (), (), False, True)


def _loggers() -> dict[str, _LoggerState]:
    """Every logger's state; "root" is the root's."""
    found: dict[str, _LoggerState] = {}
    for logger in (logging.root, *logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            found[logger.name] = _LoggerState(
                logger.level, tuple(logger.handlers), tuple(logger.filters), logger.disabled, logger.propagate
            )
    return found


def most_bytes() -> int:
    """The most memory that the process has taken so far, shared pages included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _stop_timers() -> None:
    for timer in _TIMERS:
        signal.setitimer(timer, 0)


def _kill_children() -> int:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return 0  # it has none: much sooner asked than /proc is
    pids = tuple(child_pids())
    for pid in pids:
        signal_group(pid, signal.SIGKILL)
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)
    return len(pids)


def _threads_left() -> str:
    """Their names; those that Python does not know are counted."""
    with suppress(OSError):
        count = len(os.listdir("/proc/self/task")) - 1  # noqa: PTH208 - called after every attempt: three times as fast
        if count == 0:
            return ""
        names = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
        return ", ".join(names[:5]) or f"{count} that Python did not start"
    return ", ".join(thread.name for thread in threading.enumerate() if thread is not threading.main_thread())


def _renew_randomness() -> None:
    random.seed()
    numpy_random: Any = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
