"""What an operation needs: the form of a line of the table."""

from dataclasses import dataclass
from enum import Enum, auto

from tradewind.api.access.rights import Action, Resource, Right


class Door(Enum):
    """Who may come to an operation at all."""

    OPEN = auto()
    """Anybody: logins, health, documents. What a request must prove there, the operation checks itself."""
    LOGGED_IN = auto()
    """Whoever is logged in, whatever the role: it is about the caller's own things."""
    RIGHT = auto()
    """Who holds the right."""
    ATTEMPT = auto()
    """A task process, with its attempt's token; whether that is current, the statement checks that acts for it."""
    WORKLOAD = auto()
    """Who is to run an attempt, with its workload's token, or again with its attempt's."""
    LEASE = auto()
    """The process that holds an attempt's lease, with its attempt's token, which may have expired meanwhile."""
    READER = auto()
    """A service that has DAG files imported, with its token."""


class Dags(Enum):
    """How a request says which DAGs it is about."""

    NONE = auto()
    """It is about no DAG."""
    PATH = auto()
    """`dag_id` in the path; `~` there makes it a list."""
    LIST = auto()
    """It answers with, or changes, those that the caller may."""
    BODY = auto()
    """`dag_id` in the body."""
    BODY_RUNS = auto()
    """`dag_id` of each of the body's `dag_runs`, or of the path."""
    BULK = auto()
    """`dag_id` of each entity of the body's `actions`, or of the path; each action needs its own right."""
    BACKFILL = auto()
    """The DAG of the backfill that the path names."""
    IMPORT_ERROR = auto()
    """The DAGs of the file whose error the path names."""
    FILE = auto()
    """The DAGs of the file that the path's signed token names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the table."""

    door: Door = Door.RIGHT
    right: Right | None = None
    """Set if, and only if, the door is `RIGHT`."""
    dags: Dags = Dags.NONE
    is_change: bool = False
    """Whether it changes something: then it is written to the audit log."""
    has_dry_run: bool = False
    """Whether its body's `dry_run`, true unless given, makes it change nothing."""


def reads(resource: Resource, dags: Dags = Dags.NONE) -> Rule:
    """Needs the right to read."""
    return Rule(right=Right(Action.READ, resource), dags=dags)


def creates(resource: Resource, dags: Dags = Dags.NONE, *, is_change: bool = True) -> Rule:
    """Needs the right to create."""
    return Rule(right=Right(Action.CREATE, resource), dags=dags, is_change=is_change)


def edits(resource: Resource, dags: Dags = Dags.NONE, *, is_change: bool = True, has_dry_run: bool = False) -> Rule:
    """Needs the right to edit."""
    return Rule(right=Right(Action.EDIT, resource), dags=dags, is_change=is_change, has_dry_run=has_dry_run)


def deletes(resource: Resource, dags: Dags = Dags.NONE) -> Rule:
    """Needs the right to delete."""
    return Rule(right=Right(Action.DELETE, resource), dags=dags, is_change=True)
