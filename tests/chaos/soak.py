"""`python -m tests.chaos.soak`: load for half an hour, and whether memory, descriptors and connections stay flat."""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from tests.chaos import brokers
from tests.chaos.__main__ import SETTLE_SECONDS, chaos_room, say
from tests.chaos.flatness import Tolerance, trend
from tests.chaos.judgement import judge, wait_until_settled
from tests.chaos.load import steady_load
from tests.servers.stack import ServiceProcess, Stack

SAMPLES: Final = 60
PRINTED: Final = 10
"""Tables, over the whole time."""
TOLERANCES: Final = {
    "PSS, MB": Tolerance(share=0.05, absolute=4.0),
    "descriptors": Tolerance(share=0.05, absolute=4.0),
    "connections": Tolerance(share=0.05, absolute=3.0),
}
Sample = Mapping[str, Mapping[str, float]]
"""Figure → process → value."""


def main() -> None:
    """Exits with 1 if anything grows or is wrong."""
    arguments = _parser().parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="tradewind-soak-") as folder,
        chaos_room(Path(folder), arguments.broker) as room,
    ):
        with steady_load(room.stack, every_seconds=arguments.every_seconds) as load:
            samples = _watch(room.stack, arguments.minutes * 60)
        wait_until_settled(room, SETTLE_SECONDS)
        dead = [process for process in room.stack.processes.values() if not process.is_running]
        judgement = judge(room, load.runs, [f"{process.name} ended by itself: {process.log_tail}" for process in dead])
    growing = _verdicts(samples)
    say(str(judgement))
    if growing or judgement.complaints:
        sys.exit("not flat" if growing else "wrong")


def _watch(stack: Stack, seconds: float) -> list[Sample]:
    samples: list[Sample] = []
    began = time.monotonic()
    for number in range(1, SAMPLES + 1):
        time.sleep(max(0.0, began + seconds * number / SAMPLES - time.monotonic()))
        samples.append(_sample(stack.processes))
        if number % (SAMPLES // PRINTED) == 0:
            say(f"after {(time.monotonic() - began) / 60:.1f} minutes")
            for figure, values in samples[-1].items():
                say(f"  {figure}: " + ", ".join(f"{name} {value:.0f}" for name, value in values.items()))
    return samples


def _sample(processes: Mapping[str, ServiceProcess]) -> Sample:
    """Memory with all children, pages shared by n counted 1/n in each; the rest of the process itself."""
    leaders = {name: psutil.Process(process.pid) for name, process in processes.items()}
    return {
        "PSS, MB": {name: _pss_megabytes(process) for name, process in processes.items()},
        "descriptors": {name: leader.num_fds() for name, leader in leaders.items()},
        "connections": {name: len(leader.net_connections()) for name, leader in leaders.items()},
    }


def _pss_megabytes(process: ServiceProcess) -> float:
    total = 0
    for member in process.tree():
        with suppress(psutil.NoSuchProcess):  # a task that has just ended
            total += member.memory_full_info().pss
    return total / 1e6


def _verdicts(samples: Sequence[Sample]) -> list[str]:
    """A line for each process and figure; returns those that grow."""
    growing: list[str] = []
    for figure, tolerance in TOLERANCES.items():
        for name in samples[0][figure]:
            found = trend([sample[figure][name] for sample in samples], tolerance)
            line = f"{name}: {figure} {found.before:.1f} -> {found.after:.1f}"
            say(f"{'flat ' if found.is_flat else 'GROWS'} {line}")
            if not found.is_flat:
                growing.append(line)
    return growing


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default: 30)")
    parser.add_argument("--every-seconds", type=float, default=0.4, help="between two runs (default: 0.4)")
    parser.add_argument("--broker", choices=brokers.NAMES, default=brokers.NAMES[0])
    return parser


if __name__ == "__main__":
    main()
