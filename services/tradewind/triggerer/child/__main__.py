"""A process that runs triggers: user code, many at a time, in one event loop.

`python -m tradewind.triggerer.child <fd> <pid> <cell fd>`: the number of a connected socket, over which the service
speaks (`protocol`), the service's process id, and the number of the loop's cell (`loop_cell`). It ends when the socket
closes, and with its service.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from tradewind.service.dag_roots import DagRoot
from tradewind.service.parent_death import die_with_parent
from tradewind.task_runner.frames import FrameReader, FrameTooLarge, frame
from tradewind.triggerer.child.importing import TriggerClasses
from tradewind.triggerer.child.logs import PrintedText, TriggerLogs
from tradewind.triggerer.child.runner import TriggerRunner
from tradewind.triggerer.child.steps import mark_steps
from tradewind.triggerer.loop_cell import LoopCell
from tradewind.triggerer.protocol import (
    ChildReady,
    ChildSetup,
    FromChild,
    RunTrigger,
    StopTrigger,
    ToChild,
    TriggerFailed,
    TriggerFired,
    decode_to_child,
)

READ_BYTES: Final = 1 << 18
CLEANUP_SECONDS: Final = 1.0


def main() -> None:
    """Entry point; see above."""
    die_with_parent(int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the service ends it, by closing the socket
    with socket.socket(fileno=int(sys.argv[1])) as control:
        asyncio.run(_serve(control, LoopCell(int(sys.argv[3]))))
    # Threads of triggers that were left behind must not keep the process.
    os._exit(0)


async def _serve(control: socket.socket, cell: LoopCell) -> None:
    reader, writer = await asyncio.open_connection(sock=control)
    frames = FrameReader()
    runner: TriggerRunner | None = None
    mark_steps(asyncio.get_running_loop(), cell)
    async with asyncio.TaskGroup() as group:
        with suppress(ConnectionError):
            while data := await reader.read(READ_BYTES):
                for message in map(decode_to_child, frames.feed(data)):
                    if isinstance(message, ChildSetup):
                        runner = _runner(message, writer, group)
                    else:
                        assert runner is not None, "the setup comes first"
                        _obey(runner, message)
        writer.transport.abort()
        if runner is not None:
            runner.stop_all()
        # They may clean up, but the process ends whatever they do.
        asyncio.get_running_loop().call_later(CLEANUP_SECONDS, os._exit, 0)


def _runner(setup: ChildSetup, writer: asyncio.StreamWriter, group: asyncio.TaskGroup) -> TriggerRunner:
    logs = TriggerLogs(setup.log_bytes)
    root = logging.getLogger()
    root.handlers, root.level = [logs], logging.INFO
    sys.stdout = PrintedText(logs)
    classes = TriggerClasses([DagRoot(Path(folder), prefix) for folder, prefix in setup.roots])

    def say(message: FromChild) -> None:
        writer.write(_framed(message))

    runner = TriggerRunner(
        classes=classes,
        logs=logs,
        execution_api_url=setup.execution_api_url,
        kill_seconds=setup.kill_seconds,
        say=say,
        group=group,
    )
    say(ChildReady())
    return runner


def _obey(runner: TriggerRunner, message: ToChild) -> None:
    match message:
        case RunTrigger():
            runner.start(message)
        case StopTrigger():
            runner.stop(message)
        case ChildSetup():
            raise AssertionError("the setup comes once")


def _framed(message: FromChild) -> bytes:
    try:
        return frame(message)
    except FrameTooLarge as exc:
        assert isinstance(message, TriggerFired | TriggerFailed)
        return frame(TriggerFailed(message.id, (f"the trigger's event is too large: {exc}",)))


if __name__ == "__main__":
    main()
