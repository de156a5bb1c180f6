"""Breaking and repairing."""

import signal
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import psutil

from tests.chaos.plan import Fault, Kind
from tests.chaos.room import Room
from tests.servers.stack import ServiceProcess

SLOW_SECONDS: Final = 0.3


def commit(room: Room, faults: Sequence[Fault], say: Callable[[str], None]) -> list[str]:
    """Every fault at its moment (or as soon as the one before is repaired), each repaired after its time; `say` gets a
    line for each. Processes that start again are not waited for: the next fault may find them starting. In the end
    everything runs.

    Returns the ends of the logs of processes that ended by themselves: whatever breaks around it, none may.
    """
    began = time.monotonic()
    deaths: list[str] = []
    for fault in faults:
        time.sleep(max(0.0, began + fault.at - time.monotonic()))
        say(f"[{time.monotonic() - began:6.1f} s] {fault}")
        _commit_one(room, fault)
        deaths += _raise_the_dead(room)
    room.stack.start_all()
    return deaths


def _raise_the_dead(room: Room) -> list[str]:
    dead = [process for process in room.stack.processes.values() if not process.is_running]
    deaths = [f"{process.name} ended by itself: {process.log_tail}" for process in dead]
    for process in dead:
        process.start(wait=False)
    return deaths


def _commit_one(room: Room, fault: Fault) -> None:
    targets = [room.stack.processes[name] for name in fault.targets]
    match fault.kind:
        case Kind.KILL:
            _each(targets, ServiceProcess.kill)
            time.sleep(fault.lasts)
        case Kind.DRAIN:
            _each(targets, ServiceProcess.stop)
            time.sleep(fault.lasts)
        case Kind.FREEZE:
            with frozen(targets):
                time.sleep(fault.lasts)
        case Kind.RESTART_BROKER | Kind.KILL_BROKER:
            room.broker.stop() if fault.kind is Kind.RESTART_BROKER else room.broker.kill()
            time.sleep(fault.lasts)
            room.broker.start()
        case Kind.DELETE_QUEUES:
            room.broker.delete_queues()
        case Kind.KILL_POSTGRES:
            room.postgres.kill()
            time.sleep(fault.lasts)
            room.postgres.start()
        case Kind.CUT | Kind.STALL | Kind.SLOW | Kind.RESET:
            _disturb_network(room, fault)
    for process in targets:
        process.start(wait=False)


def _disturb_network(room: Room, fault: Fault) -> None:
    match fault.kind:
        case Kind.CUT:
            room.link.cut()
        case Kind.STALL:
            room.link.stall()
        case Kind.SLOW:
            room.link.slow(SLOW_SECONDS)
        case _:
            room.link.reset()
    time.sleep(fault.lasts)
    room.link.heal()


@contextmanager
def frozen(processes: Sequence[ServiceProcess]) -> Generator[None]:
    """SIGSTOP to them and all that they started; SIGCONT afterwards."""
    _signal(processes, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(processes, signal.SIGCONT)


def _signal(processes: Sequence[ServiceProcess], number: signal.Signals) -> None:
    for process in processes:
        if process.is_running:
            for member in process.tree():
                with suppress(psutil.NoSuchProcess):  # a task that has just ended
                    member.send_signal(number)


def _each(processes: Sequence[ServiceProcess], act: Callable[[ServiceProcess], None]) -> None:
    for process in processes:
        act(process)
