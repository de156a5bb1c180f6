"""Rights: what may be done to what. Those of roles are Airflow's; a permission for one DAG adds some for that DAG.

Pure: who is calling and what is asked for go in, yes or no comes out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from tradewind.api.identity.caller import Caller, Role


class Action(StrEnum):
    """Under Airflow's names."""

    READ = "can_read"
    CREATE = "can_create"
    EDIT = "can_edit"
    DELETE = "can_delete"


class Resource(StrEnum):
    """Under Airflow's names, and those of ours that it has not."""

    DAG = "DAGs"
    DAG_CODE = "DAG Code"
    DAG_RUN = "DAG Runs"
    DAG_VERSION = "DAG Versions"
    DAG_WARNING = "DAG Warnings"
    TASK_INSTANCE = "Task Instances"
    TASK_LOG = "Task Logs"
    XCOM = "XComs"
    HITL_DETAIL = "HITL Detail"
    IMPORT_ERROR = "ImportError"
    ASSET = "Assets"
    ASSET_ALIAS = "Asset Aliases"
    POOL = "Pools"
    CONNECTION = "Connections"
    VARIABLE = "Variables"
    CONFIG = "Configurations"
    PROVIDER = "Providers"
    PLUGIN = "Plugins"
    JOB = "Jobs"
    AUDIT_LOG = "Audit Logs"
    USER = "Users"
    PERMISSION = "Permission Views"
    WORKER = "Workers"
    WEBHOOK = "Webhooks"


class Right(NamedTuple):
    """One thing that may be done to one kind of thing."""

    action: Action
    resource: Resource


class DagPermission(StrEnum):
    """What a role or a user can be given for one DAG."""

    READ = "read"
    EDIT = "edit"
    TRIGGER = "trigger"
    DELETE = "delete"


def _rights(action: Action, *resources: Resource) -> frozenset[Right]:
    return frozenset(Right(action, resource) for resource in resources)


OF_ONE_DAG: Final = frozenset(
    {
        *(Resource.DAG, Resource.DAG_CODE, Resource.DAG_RUN, Resource.DAG_VERSION, Resource.DAG_WARNING),
        *(Resource.TASK_INSTANCE, Resource.TASK_LOG, Resource.XCOM, Resource.HITL_DETAIL, Resource.IMPORT_ERROR),
    }
)
"""What belongs to a DAG, so that a permission for the DAG is one for it."""

_VIEWER: Final = _rights(
    Action.READ,
    *OF_ONE_DAG,
    *(Resource.ASSET, Resource.ASSET_ALIAS, Resource.POOL, Resource.JOB, Resource.WORKER),
)
_USER: Final = (
    _VIEWER
    | _rights(Action.CREATE, Resource.TASK_INSTANCE, Resource.DAG_RUN, Resource.ASSET)
    | _rights(Action.EDIT, Resource.DAG, Resource.TASK_INSTANCE, Resource.DAG_RUN, Resource.HITL_DETAIL)
    | _rights(Action.DELETE, Resource.DAG, Resource.TASK_INSTANCE, Resource.DAG_RUN)
)
_KEPT_BY_OPS: Final = (Resource.CONNECTION, Resource.VARIABLE, Resource.POOL, Resource.XCOM, Resource.WEBHOOK)
_OP: Final = (
    _USER
    | _rights(Action.READ, Resource.CONFIG, Resource.PROVIDER, Resource.PLUGIN, *_KEPT_BY_OPS)
    | _rights(Action.CREATE, *_KEPT_BY_OPS)
    | _rights(Action.EDIT, Resource.ASSET, Resource.WORKER, *_KEPT_BY_OPS)
    | _rights(Action.DELETE, Resource.ASSET, *_KEPT_BY_OPS)
)

ROLE_RIGHTS: Final[Mapping[str, frozenset[Right]]] = {
    Role.PUBLIC: frozenset(),
    Role.VIEWER: _VIEWER,
    Role.USER: _USER,
    Role.OP: _OP,
    Role.ADMIN: frozenset(Right(action, resource) for action in Action for resource in Resource),
}
"""What a role may do to everything. A role that is not here may do nothing by itself."""

_READS_DAG: Final = _rights(Action.READ, *OF_ONE_DAG)

DAG_RIGHTS: Final[Mapping[DagPermission, frozenset[Right]]] = {
    DagPermission.READ: _READS_DAG,
    DagPermission.EDIT: _READS_DAG
    | _rights(Action.EDIT, Resource.DAG, Resource.DAG_RUN, Resource.TASK_INSTANCE, Resource.XCOM, Resource.HITL_DETAIL)
    | _rights(Action.CREATE, Resource.TASK_INSTANCE, Resource.XCOM)
    | _rights(Action.DELETE, Resource.TASK_INSTANCE, Resource.XCOM),
    DagPermission.TRIGGER: _READS_DAG | _rights(Action.CREATE, Resource.DAG_RUN),
    DagPermission.DELETE: _READS_DAG | _rights(Action.DELETE, Resource.DAG, Resource.DAG_RUN),
}
"""What a permission for a DAG lets do to that DAG and to what belongs to it."""

DagGrants = Mapping[str, frozenset[DagPermission]]
"""DAG id → what a caller was given for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisibleDags:
    """The DAGs about which an answer may speak."""

    dag_ids: frozenset[str] | None = None
    """None = all that the patterns match."""
    patterns: tuple[str, ...] | None = None
    """Globs, of which one must match; None = any DAG."""

    def sees(self, dag_id: str) -> bool:
        """Whether an answer may speak of this DAG."""
        if self.dag_ids is not None and dag_id not in self.dag_ids:
            return False
        return self.patterns is None or any(fnmatchcase(dag_id, pattern) for pattern in self.patterns)

    def filters(self) -> dict[str, object]:
        """As the statements of lists take it: names, or else a regular expression."""
        if self.dag_ids is not None:
            return {"visible_dag_ids": sorted(filter(self.sees, self.dag_ids))}
        return {} if self.patterns is None else {"visible_dag_pattern": regex_of(self.patterns)}


def holds(caller: Caller, right: Right) -> bool:
    """Whether the caller's role may do this whatever the DAG."""
    return right in ROLE_RIGHTS.get(caller.role, frozenset())


def is_allowed(caller: Caller, grants: DagGrants, right: Right, dag_id: str) -> bool:
    """Whether the caller may do this to this DAG, or to what belongs to it."""
    if caller.scopes is not None and not caller.scopes.allow_dag(dag_id):
        return False
    return holds(caller, right) or _is_granted(grants.get(dag_id, frozenset()), right)


def visible_dags(caller: Caller, grants: DagGrants, right: Right) -> VisibleDags | None:
    """Those to which the caller may do this; None: to none, so that there is not even a list to see."""
    patterns = None if caller.scopes is None else caller.scopes.dag_patterns
    if holds(caller, right):
        return VisibleDags(patterns=patterns)
    dag_ids = frozenset(dag_id for dag_id, given in grants.items() if _is_granted(given, right))
    return VisibleDags(dag_ids=dag_ids, patterns=patterns) if dag_ids else None


def _is_granted(given: frozenset[DagPermission], right: Right) -> bool:
    return any(right in DAG_RIGHTS[permission] for permission in given)


def regex_of(globs: Sequence[str]) -> str:
    """A regular expression of Postgres that matches what one of the globs does."""
    return f"^(?:{'|'.join(map(_regex, globs))})$"


_MEMBER: Final = re.compile(r"(.)-(.)|(.)", re.DOTALL)
_SET: Final = re.compile(r"\[(!?)(\]?[^\]]*)\]")


def _regex(glob: str) -> str:
    parts: list[str] = []
    position = 0
    while position < len(glob):
        char = glob[position]
        found = _SET.match(glob, position) if char == "[" else None
        if found is not None:
            parts.append(_set(found[2], is_negated=bool(found[1])))
            position = found.end()
            continue
        parts.append({"*": ".*", "?": "."}.get(char) or _literal(char))
        position += 1
    return "".join(parts)


def _set(members: str, *, is_negated: bool) -> str:
    """A range that ends before it begins holds nothing."""
    kept = "".join(
        f"{_literal(low)}-{_literal(high)}" if high else _literal(one)
        for low, high, one in _MEMBER.findall(members)
        if not high or low <= high
    )
    if not kept:
        return "." if is_negated else "(?:$.)"
    return f"[{'^' if is_negated else ''}{kept}]"


def _literal(char: str) -> str:
    return char if char.isalnum() or char == "_" else f"\\{char}"
