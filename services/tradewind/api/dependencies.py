"""What routes take: the state, and who is calling."""

from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer, OAuth2, OAuthFlowPassword, OAuthFlows
from fastapi.security.base import SecurityBase

from tradewind.api.errors import Unauthorized
from tradewind.api.identity.caller import Caller, Role
from tradewind.api.identity.origins import check_own_name, check_own_page
from tradewind.api.identity.signing_in import COOKIE
from tradewind.api.state import ApiState
from tradewind.service.tokens import AttemptClaims, ReaderClaims

COMMAND_LINE: Final = "tradewind-cli/"
"""How the command line names itself."""
TOKEN_URL: Final = "/auth/token"  # noqa: S105 - a path


async def api_state(request: Request) -> ApiState:
    """What the API was started with."""
    return request.scope["state"]


StateDep = Annotated[ApiState, Depends(api_state)]


class UserToken(SecurityBase):
    """Lets in who has logged in, by token or cookie: one dependency that OpenAPI knows as the scheme, and that checks
    them itself."""

    def __init__(self) -> None:
        self.model = OAuth2(
            flows=OAuthFlows(password=OAuthFlowPassword(tokenUrl=TOKEN_URL)),
            description=f"Send `Authorization: Bearer <token>`; `POST {TOKEN_URL}` gives the token.",
        )
        self.scheme_name = "OAuth2PasswordBearer"

    async def __call__(self, request: Request) -> Caller:
        state: ApiState = request.scope["state"]
        caller = await self._recognised(request, state)
        if caller.via == "anonymous" and caller.role == Role.ADMIN:
            check_own_name(request, state["settings"].api.base_url)
        return caller

    async def _recognised(self, request: Request, state: ApiState) -> Caller:
        if (token := bearer_token(request)) is not None:  # who says who they are is not asked for the cookie
            return await state["callers"].by_token(token)
        base_url = state["settings"].api.base_url
        if (cookie := request.cookies.get(COOKIE)) is not None:
            check_own_page(request, base_url, must_be_said=True)
            return await state["callers"].by_cookie(cookie)
        caller = state["callers"].anonymous()
        check_own_page(request, base_url, must_be_said=False)
        return caller


class AttemptToken(SecurityBase):
    """Lets in an attempt. Whether it is current, the statement that acts for it checks."""

    def __init__(self) -> None:
        self.model = HTTPBearer(description="The token that came with the attempt's grant.")
        self.scheme_name = "AttemptToken"

    async def __call__(self, request: Request) -> AttemptClaims:
        token = bearer_token(request)
        if token is None:
            raise Unauthorized({"reason": "missing_token", "message": "An attempt's token is needed"})
        state: ApiState = request.scope["state"]
        return state["logins"].attempt(token)


class ReaderToken(SecurityBase):
    """Lets in a service that imports DAG files."""

    def __init__(self) -> None:
        self.model = HTTPBearer(description="The token that a service gives to the processes that import DAG files.")
        self.scheme_name = "ReaderToken"

    async def __call__(self, request: Request) -> ReaderClaims:
        token = bearer_token(request)
        if token is None:
            raise Unauthorized({"reason": "missing_token", "message": "A reader's token is needed"})
        state: ApiState = request.scope["state"]
        return state["logins"].reader(token)


require_user = UserToken()
require_attempt = AttemptToken()
require_reader = ReaderToken()

UserDep = Annotated[Caller, Depends(require_user)]
AttemptDep = Annotated[AttemptClaims, Depends(require_attempt)]


def is_command(request: Request) -> bool:
    """Whether our own command line asks, from here or from afar."""
    return request.headers.get("user-agent", "").startswith(COMMAND_LINE)


def bearer_token(request: Request) -> str | None:
    """What comes as `Authorization: Bearer …`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
