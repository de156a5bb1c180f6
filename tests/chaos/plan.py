"""What will go wrong, when, and to whom: drawn from a seed before anything runs."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """One way to break something."""

    KILL = "kill"
    """SIGKILL to one process or two at once."""
    FREEZE = "freeze"
    """SIGSTOP to a worker and all of its children for longer than a lease, then SIGCONT."""
    DRAIN = "drain"
    """SIGTERM to a worker."""
    RESTART_BROKER = "restart broker"
    KILL_BROKER = "kill broker"
    DELETE_QUEUES = "delete queues"
    """All of them, with what they hold."""
    KILL_POSTGRES = "kill postgres"
    CUT = "cut"
    """The network between the workers and the broker: connections break, new ones are refused."""
    STALL = "stall"
    """The same network: connections stand, nothing passes."""
    SLOW = "slow"
    """The same network: everything comes late."""
    RESET = "reset"
    """The same network: connections break once."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to break. Times are in seconds; `at` counts from the beginning of the run."""

    at: float
    kind: Kind
    targets: tuple[str, ...]
    """Processes of the stack; empty where the kind says what is meant."""
    lasts: float
    """Until it is repaired."""

    def __str__(self) -> str:
        return f"{self.at:6.1f} s  {' '.join((self.kind, *self.targets))} for {self.lasts:.1f} s"


@dataclass(frozen=True, slots=True)
class Card:
    """A fault as it stands in the deck: who is hit is drawn from `commands`, one process of each."""

    kind: Kind
    commands: tuple[str, ...] = ()
    shortest: float = 0.2
    longest: float = 3.0


_NETWORK: Final = (Card(Kind.CUT), Card(Kind.STALL, longest=5.0), Card(Kind.SLOW), Card(Kind.RESET, longest=0.2))
_WORKER: Final = (Card(Kind.FREEZE, ("worker",), 4.0, 6.0), Card(Kind.DRAIN, ("worker",)))
_SERVICES: Final = ("api-server", "dag-processor", "scheduler", "dispatcher", "collector", "worker", "triggerer")
_PAIRS: Final = (
    ("scheduler", "collector"),
    ("dispatcher", "worker"),
    ("collector", "worker"),
    ("api-server", "worker"),
)

WHOLE_DECK: Final = (
    *(Card(Kind.KILL, (command,)) for command in _SERVICES),
    *(Card(Kind.KILL, pair) for pair in (*_PAIRS, ("scheduler", "scheduler"), ("collector", "collector"))),
    *_WORKER,
    *_WORKER,
    *_NETWORK,
    Card(Kind.RESTART_BROKER),
    Card(Kind.KILL_BROKER),
    Card(Kind.DELETE_QUEUES),
    Card(Kind.KILL_POSTGRES),
)
"""Every kind of fault; a run goes through it again and again, shuffled each time."""

QUICK_DECK: Final = (
    *(Card(Kind.KILL, (command,), longest=0.5) for command in ("scheduler", "dispatcher", "triggerer", "worker")),
    Card(Kind.KILL, ("collector", "worker"), longest=0.5),
    Card(Kind.FREEZE, ("worker",), 4.0, 4.5),
    Card(Kind.DRAIN, ("worker",), longest=0.5),
    Card(Kind.CUT, longest=1.0),
    Card(Kind.DELETE_QUEUES, longest=0.3),
    Card(Kind.KILL_POSTGRES, longest=0.5),
)
"""What can be broken and repaired within seconds."""


def plan_faults(
    seed: int, count: int, processes: Sequence[str], *, deck: Sequence[Card] = WHOLE_DECK, longest_gap: float = 3.0
) -> tuple[Fault, ...]:
    """The faults of this seed. `processes`: names of the stack's processes, as in `worker-2`."""
    draw = random.Random(seed)
    cards: list[Card] = []
    faults: list[Fault] = []
    at = 1.0
    for _ in range(count):
        cards = cards or draw.sample(deck, len(deck))
        card = cards.pop()
        lasts = round(draw.uniform(card.shortest, card.longest), 2)
        faults.append(Fault(round(at, 2), card.kind, _drawn(draw, card.commands, processes), lasts))
        at += lasts + draw.uniform(0.1 * longest_gap, longest_gap)
    return tuple(faults)


def _drawn(draw: random.Random, commands: Sequence[str], processes: Sequence[str]) -> tuple[str, ...]:
    """One process of each command, never one twice; a command that has no more is left out."""
    left = list(processes)
    for command in commands:
        of_command = [name for name in left if name == command or name.rpartition("-")[0] == command]
        if of_command:
            left.remove(draw.choice(of_command))
    return tuple(name for name in processes if name not in left)
