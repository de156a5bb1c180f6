"""The one place where a request is held against the table, before its operation is begun."""

from typing import Annotated, Final, cast

from fastapi import Depends, Request

from tradewind.api.access.auditing import begin_audit
from tradewind.api.access.rights import (
    OF_ONE_DAG,
    Action,
    DagGrants,
    Resource,
    Right,
    VisibleDags,
    holds,
    is_allowed,
    visible_dags,
)
from tradewind.api.access.rules import Dags, Door, Rule
from tradewind.api.access.subjects import is_list, subjects
from tradewind.api.access.table import OPERATIONS
from tradewind.api.dependencies import UserDep
from tradewind.api.errors import Forbidden
from tradewind.api.identity.caller import Caller
from tradewind.api.state import ApiState

VISIBLE: Final = "tradewind.visible_dags"
"""Where a request carries the DAGs about which its answer may speak."""
ALL_DAGS: Final = VisibleDags()
NO_DAG: Final = VisibleDags(dag_ids=frozenset())
NO_GRANTS: Final[DagGrants] = {}


async def require_access(request: Request, caller: UserDep) -> None:
    """Raises `Forbidden` unless the caller may do what the request asks for."""
    operation_id = request.scope["route"].name
    rule = OPERATIONS[operation_id]
    if rule.is_change:
        await begin_audit(request, operation_id, rule, caller)
    _check_scopes(caller, operation_id, rule)
    if rule.right is None:
        return
    is_narrowed = caller.scopes is not None and caller.scopes.dag_patterns is not None
    if not is_narrowed and holds(caller, rule.right):
        return
    await _check_dags(request, caller, rule, rule.right)


async def watch_login(request: Request) -> None:
    """For operations that are open and change something: they are written to the audit log, too."""
    operation_id = request.scope["route"].name
    rule = OPERATIONS[operation_id]
    if rule.is_change:
        await begin_audit(request, operation_id, rule, None)


async def visible(request: Request) -> VisibleDags:
    """The DAGs about which the answer may speak."""
    return cast("VisibleDags", request.scope.get(VISIBLE, ALL_DAGS))


VisibleDep = Annotated[VisibleDags, Depends(visible)]


def _check_scopes(caller: Caller, operation_id: str, rule: Rule) -> None:
    if caller.scopes is None:
        return
    if rule.door is Door.LOGGED_IN and rule.is_change:
        # Else a narrow token could make itself a wide one.
        raise Forbidden("Forbidden: a token with scopes cannot be used for what is its owner's own")
    is_read = not rule.is_change and (rule.right is None or rule.right.action is Action.READ)
    if not caller.scopes.allow(operation_id, is_read=is_read):
        raise Forbidden(f"Forbidden: {operation_id!r} is not among the actions of this token")


async def _check_dags(request: Request, caller: Caller, rule: Rule, right: Right) -> None:
    """What neither the role alone allows nor the token alone."""
    if rule.dags is Dags.NONE or not (holds(caller, right) or right.resource in OF_ONE_DAG):
        raise _forbidden(caller, right)
    state: ApiState = request.scope["state"]
    grants = NO_GRANTS if holds(caller, right) else await state["grants"].of(caller)
    if is_list(rule, request):
        request.scope[VISIBLE] = visible_dags(caller, grants, right)
        if request.scope[VISIBLE] is None:
            raise _forbidden(caller, right)
        return
    # An answer about one DAG may speak of others, too.
    request.scope[VISIBLE] = visible_dags(caller, grants, Right(Action.READ, Resource.DAG)) or NO_DAG
    wanted = await subjects(rule, right, request)
    # A DAG that is not there is refused like one that may not be seen.
    if not wanted or not all(is_allowed(caller, grants, each, dag_id) for each, dag_id in wanted):
        raise _forbidden(caller, right)


def _forbidden(caller: Caller, right: Right) -> Forbidden:
    needed = f"{right.action} on {right.resource}"
    return Forbidden(f"Forbidden: this needs {needed}, which {caller.username!r} ({caller.role}) has not got here")
