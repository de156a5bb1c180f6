"""`python -m tests.chaos`: break a running system a hundred times, then judge it. `make chaos ARGS="--faults 12"`."""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos import brokers
from tests.chaos.faults import commit
from tests.chaos.judgement import Judgement, judge, wait_until_settled
from tests.chaos.load import steady_load
from tests.chaos.plan import plan_faults
from tests.chaos.room import Room, open_room
from tests.servers.postgres import postgres_server

SETTLE_SECONDS = 60.0


def main() -> None:
    """Exits with 1 if there is anything to complain of; the folder with all logs is kept then."""
    arguments = _parser().parse_args()
    say(f"seed: {arguments.seed}")
    folder = Path(tempfile.mkdtemp(prefix="tradewind-chaos-"))
    with chaos_room(folder, arguments.broker) as room:
        judgement = play(room, seed=arguments.seed, faults=arguments.faults)
    say(str(judgement))
    say(f"seed: {arguments.seed}")
    if judgement.complaints:
        sys.exit(f"logs: {folder}")


def play(room: Room, *, seed: int, faults: int) -> Judgement:
    """Load, faults, rest, judgement."""
    plan = plan_faults(seed, faults, list(room.stack.processes))
    began = time.monotonic()
    with steady_load(room.stack) as load:
        deaths = commit(room, plan, say)
    ended = time.monotonic()
    wait_until_settled(room, SETTLE_SECONDS)
    say(f"faults: {len(plan)} in {ended - began:.0f} s; settled after {time.monotonic() - ended:.1f} s more")
    return judge(room, load.runs, deaths)


@contextmanager
def chaos_room(folder: Path, broker: str) -> Generator[Room]:
    """A room on servers of its own."""
    with (
        postgres_server(private=True) as postgres,
        brokers.opened(broker) as opened,
        open_room(folder, postgres=postgres, broker=opened) as room,
    ):
        yield room


def say(line: str) -> None:
    """To whoever watches, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="the same one plans the same faults")
    parser.add_argument("--faults", type=int, default=100, help="how many (default: 100, some eight minutes)")
    parser.add_argument("--broker", choices=brokers.NAMES, default=brokers.NAMES[0])
    return parser


if __name__ == "__main__":
    main()
