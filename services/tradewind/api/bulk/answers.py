"""What became of many changes."""

from typing import Protocol, TypeVar

from tradewind.api.errors import ApiError
from tradewind.api.models.actions import (
    BulkActionResponse,
    BulkBody,
    BulkCreateAction,
    BulkDeleteAction,
    BulkResponse,
    BulkUpdateAction,
)
from tradewind.api.models.base import StrictBody
from tradewind.core.errors import Conflict, DomainError, NotFound

BodyT = TypeVar("BodyT", bound=StrictBody)


class Do(Protocol[BodyT]):
    """Does one action."""

    async def __call__(
        self, action: BulkCreateAction[BodyT] | BulkUpdateAction[BodyT] | BulkDeleteAction[BodyT], /
    ) -> BulkActionResponse: ...


async def answered(body: BulkBody[BodyT], do: Do[BodyT]) -> BulkResponse:
    """Do all actions in order; the answers to those of one kind are one."""
    response = BulkResponse()
    for action in body.actions:
        done = await do(action)
        earlier = getattr(response, action.action)
        setattr(response, action.action, done if earlier is None else _joined(earlier, done))
    return response


def failure(exc: DomainError) -> dict[str, object]:
    """An error as an entry of the answer."""
    match exc:
        case ApiError():
            return {"error": str(exc.detail), "status_code": exc.status}
        case NotFound():
            return {"error": str(exc), "status_code": 404}
        case Conflict():
            return {"error": str(exc), "status_code": 409}
        case _:
            return {"error": str(exc), "status_code": 400}


def _joined(earlier: BulkActionResponse, later: BulkActionResponse) -> BulkActionResponse:
    return BulkActionResponse(success=earlier.success + later.success, errors=earlier.errors + later.errors)
