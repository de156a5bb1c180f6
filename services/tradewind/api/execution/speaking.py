"""Who may speak for the attempt that a path names."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from tradewind.api.dependencies import AttemptDep
from tradewind.api.errors import Forbidden, Unauthorized
from tradewind.api.state import ApiState
from tradewind.db.api.attempt_leases import Lease
from tradewind.service.tokens import AttemptClaims, InvalidToken


@dataclass(frozen=True, slots=True)
class Holder:
    """An attempt with the lease that its process holds."""

    claims: AttemptClaims
    lease: Lease


class WorkloadToken(SecurityBase):
    """Lets in whoever may start the attempt: by a workload's token, or again by the attempt's own."""

    def __init__(self) -> None:
        self.model = HTTPBearer(description="The token that came with the workload.")
        self.scheme_name = "WorkloadToken"

    async def __call__(self, request: Request, task_instance_id: UUID) -> AttemptClaims:
        state: ApiState = request.scope["state"]
        return _of_path(state["logins"].workload(_bearer(request)), task_instance_id)


class LeaseToken(SecurityBase):
    """Lets in the process that holds the attempt's lease, also by a token that has expired: while it was cut off, it
    could not hear of another. Whether the lease is held still, the collector knows."""

    def __init__(self) -> None:
        self.model = HTTPBearer(description="The token that came when the attempt was started over HTTP.")
        self.scheme_name = "LeaseToken"

    async def __call__(self, request: Request, task_instance_id: UUID) -> Holder:
        state: ApiState = request.scope["state"]
        try:
            claims = state["signer"].verify_attempt_token(_bearer(request))
        except InvalidToken as exc:
            raise Forbidden({"reason": "invalid_token", "message": f"This is no attempt's token: {exc}"}) from exc
        return _holder(_of_path(claims, task_instance_id))


async def own_attempt(task_instance_id: UUID, attempt: AttemptDep) -> AttemptClaims:
    """The attempt that asks, which must be the one in the path."""
    return _of_path(attempt, task_instance_id)


async def holding_attempt(attempt: Annotated[AttemptClaims, Depends(own_attempt)]) -> Holder:
    """The attempt in the path, by the token of its lease."""
    return _holder(attempt)


require_workload = WorkloadToken()
require_lease = LeaseToken()

StartingDep = Annotated[AttemptClaims, Depends(require_workload)]
BeatingDep = Annotated[Holder, Depends(require_lease)]
OwnDep = Annotated[AttemptClaims, Depends(own_attempt)]
HolderDep = Annotated[Holder, Depends(holding_attempt)]


def _holder(claims: AttemptClaims) -> Holder:
    if claims.lease is None:
        message = "A worker holds the lease of this attempt, and reports for it: only what was started here ends here"
        raise Forbidden({"reason": "not_the_holder", "message": message})
    return Holder(claims, Lease(claims.attempt_id, claims.lease))


def _of_path(claims: AttemptClaims, task_instance_id: UUID) -> AttemptClaims:
    if claims.attempt_id != task_instance_id:
        message = f"The token is that of another attempt than {task_instance_id}"
        raise Forbidden({"reason": "access_denied", "message": message})
    return claims


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized({"reason": "missing_token", "message": "An attempt's token is needed"})
    return token.strip()
