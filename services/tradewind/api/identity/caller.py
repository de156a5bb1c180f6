"""Who is calling: what authentication hands to everything behind it."""

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Literal

Via = Literal["password_token", "api_token", "cookie", "local", "anonymous"]
"""How the caller was recognised: by a token that a login gave, a long-lived API token, the browser's cookie, by having
the database itself (a command on its machine), or not at all (only where the settings allow that)."""


class Role(StrEnum):
    """Airflow's roles, as users' rows hold them."""

    ADMIN = "Admin"
    OP = "Op"
    USER = "User"
    VIEWER = "Viewer"
    PUBLIC = "Public"


READ = "read"
"""The action that stands for every operation that only reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scopes:
    """What an API token is good for; it never gives more than its owner's role does."""

    actions: frozenset[str] | None = None
    """Ids of operations as OpenAPI names them, and `read` for all that only read; None = all that the role allows."""
    dag_patterns: tuple[str, ...] | None = None
    """Globs (`team_a_*`) of the DAGs that it opens; None = all that the role allows."""

    def allow(self, operation_id: str, *, is_read: bool) -> bool:
        """Whether the operation is among the actions."""
        return self.actions is None or operation_id in self.actions or (is_read and READ in self.actions)

    def allow_dag(self, dag_id: str) -> bool:
        """Whether one of the patterns matches the DAG."""
        return self.dag_patterns is None or any(fnmatchcase(dag_id, pattern) for pattern in self.dag_patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A person or a program that has been recognised."""

    username: str
    role: str
    """As the user's row says now, whatever the token was made for: one of `Role`."""
    via: Via
    scopes: Scopes | None = None
    """Of an API token that is narrower than its owner; None = no narrower."""
