"""Breaking and repairing."""

import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import psutil

from tests.chaos.plan import Fault, Kind
from tests.chaos.room import Room
from tests.servers.stack import ServiceProcess

SLOW_SECONDS: Final = 0.3


def commit(room: Room, faults: Sequence[Fault], say: Callable[[str], None]) -> None:
    """Every fault at its moment (or as soon as the one before is repaired), each repaired after its time; `say` gets a
    line for each. Processes that start again are not waited for: the next fault may find them starting. In the end
    everything runs."""
    began = time.monotonic()
    for fault in faults:
        time.sleep(max(0.0, began + fault.at - time.monotonic()))
        say(f"[{time.monotonic() - began:6.1f} s] {fault}")
        _commit_one(room, fault)
    room.stack.start_all()


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
            freeze(targets)
            time.sleep(fault.lasts)
            thaw(targets)
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


def freeze(processes: Sequence[ServiceProcess]) -> None:
    """SIGSTOP to them and all that they started."""
    _signal(processes, signal.SIGSTOP)


def thaw(processes: Sequence[ServiceProcess]) -> None:
    """SIGCONT to them and all that they started."""
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
