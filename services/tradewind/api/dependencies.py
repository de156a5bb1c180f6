"""What routes take: the state, and who is calling."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, OAuth2PasswordBearer

from tradewind.api.errors import Unauthorized
from tradewind.api.state import ApiState
from tradewind.service.tokens import ApiClaims, AttemptClaims


async def api_state(request: Request) -> ApiState:
    """What the API was started with."""
    return request.scope["state"]


StateDep = Annotated[ApiState, Depends(api_state)]

_oauth2 = OAuth2PasswordBearer(
    tokenUrl="/auth/token",
    auto_error=False,
    description="Send `Authorization: Bearer <token>`; `POST /auth/token` gives the token.",
)
_bearer = HTTPBearer(auto_error=False)
_attempt_bearer = HTTPBearer(
    auto_error=False, scheme_name="AttemptToken", description="The token that came with an attempt's grant."
)


async def require_user(
    state: StateDep,
    token: Annotated[str | None, Depends(_oauth2)],
    _credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> ApiClaims:
    """The user whose token the request carries."""
    if not token:
        raise Unauthorized("Not authenticated")
    return state["logins"].user(token)


UserDep = Annotated[ApiClaims, Depends(require_user)]


async def require_attempt(
    state: StateDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_attempt_bearer)]
) -> AttemptClaims:
    """The attempt whose token the request carries. Whether it is current, the statement that acts for it checks."""
    if credentials is None:
        raise Unauthorized({"reason": "missing_token", "message": "An attempt's token is needed"})
    return state["logins"].attempt(credentials.credentials)


AttemptDep = Annotated[AttemptClaims, Depends(require_attempt)]
