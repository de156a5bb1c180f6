"""What callers were given for single DAGs: by people, and by the DAGs' own `access_control`."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tradewind.api.access.rights import DagGrants, DagPermission
from tradewind.api.identity.caller import Caller
from tradewind.db.api.access import list_dag_grants
from tradewind.db.pool import Database

KNOWN_FOR_SECONDS: Final = 2.0
"""So long a change by another process of the API may stay unseen."""
REMEMBERED_CALLERS: Final = 1024

_BY_ACCESS_CONTROL: Final[Mapping[tuple[str, str], DagPermission]] = {
    ("DAGs", "can_read"): DagPermission.READ,
    ("DAGs", "can_edit"): DagPermission.EDIT,
    ("DAGs", "can_delete"): DagPermission.DELETE,
    ("DAG Runs", "can_read"): DagPermission.READ,
    ("DAG Runs", "can_create"): DagPermission.TRIGGER,
}


class Grants:
    """Asked only about callers whose role does not say enough, so that most requests ask no database."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._known: OrderedDict[tuple[str, str], tuple[float, DagGrants]] = OrderedDict()

    async def of(self, caller: Caller) -> DagGrants:
        """What the caller's role and the caller were given, as of two seconds ago at most."""
        key = (caller.role, caller.username)
        now = self._monotonic()
        found = self._known.get(key)
        if found is not None and now - found[0] < KNOWN_FOR_SECONDS:
            return found[1]
        grants = await self._load(*key)
        self._known[key] = (now, grants)
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED_CALLERS:
            self._known.popitem(last=False)
        return grants

    def forget(self) -> None:
        """Something was changed through this process."""
        self._known.clear()

    async def _load(self, role: str, username: str) -> DagGrants:
        grants: dict[str, frozenset[DagPermission]] = {}
        for row in await list_dag_grants(self._database, role, username):
            given = frozenset(map(DagPermission, row["permissions"] or ())) | set(declared(row["access_control"]))
            grants[row["dag_id"]] = grants.get(row["dag_id"], frozenset()) | given
        return grants


def declared(access_control: Mapping[str, Any] | None) -> Iterator[DagPermission]:
    """What a DAG's `access_control` gives a role: resource → actions. What has no counterpart gives nothing."""
    for resource, actions in (access_control or {}).items():
        for action in actions:
            permission = _BY_ACCESS_CONTROL.get((resource, action))
            if permission is not None:
                yield permission
