"""`/auth/token`: tokens of logins, for programs."""

from typing import Annotated, Any, Final, TypeVar, cast

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ValidationError

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import Forbidden, UnsupportedMediaType, documented
from tradewind.api.identity.origins import checked_next
from tradewind.api.identity.signing_in import anonymous_token, set_cookie, signed_in, token_for
from tradewind.api.models.identity import BrowserLoginBody, LoginBody, LoginResponse
from tradewind.api.state import ApiState

router = APIRouter(prefix="/auth", tags=["Login"])

BodyT = TypeVar("BodyT", bound=BaseModel)
NOT_KEPT: Final = {"Cache-Control": "no-store"}
"""Nobody on the way keeps an answer with a secret in it."""
ALL_ADMINS: Final = "This works only where TRADEWIND__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS is set: log in"


async def json_or_form(request: Request, model: type[BodyT]) -> BodyT:
    """The body as JSON or as a form."""
    content_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if content_type not in ("application/json", "application/x-www-form-urlencoded"):
        raise UnsupportedMediaType("Send application/json or application/x-www-form-urlencoded")
    try:
        values = dict(await request.form()) if content_type != "application/json" else await _json(request)
        return model.model_validate(values)
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_input=False)  # there may be a password in it
        raise RequestValidationError([{**error, "loc": ("body", *error["loc"])} for error in errors]) from exc


async def _json(request: Request) -> object:
    try:
        return cast("object", await request.json())
    except (ValueError, RecursionError) as exc:
        error = {"type": "json_invalid", "loc": ("body",), "msg": "JSON decode error", "ctx": {"error": str(exc)}}
        raise RequestValidationError([error]) from exc


async def login_body(request: Request) -> LoginBody:
    """Name and password."""
    return await json_or_form(request, LoginBody)


async def browser_login_body(request: Request) -> BrowserLoginBody:
    """Name, password, and where to go on."""
    return await json_or_form(request, BrowserLoginBody)


def documented_body(model: type[BaseModel]) -> dict[str, Any]:
    """What a route that takes JSON or a form says of it in OpenAPI (`openapi_extra`)."""
    schema = {"schema": model.model_json_schema()}
    content = {"application/json": schema, "application/x-www-form-urlencoded": schema}
    return {"requestBody": {"required": True, "content": content}}


LoginDep = Annotated[LoginBody, Depends(login_body)]


@router.post(
    "/token", status_code=201, responses=documented(400, 401, 415, 429), openapi_extra=documented_body(LoginBody)
)
async def create_token(request: Request, response: Response, body: LoginDep, state: StateDep) -> LoginResponse:
    """Exchange a user's name and password for a token."""
    response.headers.update(NOT_KEPT)
    return await _token(request, body, state["settings"].api_auth.jwt_expiration_time_seconds)


@router.post(
    "/token/cli", status_code=201, responses=documented(400, 401, 415, 429), openapi_extra=documented_body(LoginBody)
)
async def create_token_cli(request: Request, response: Response, body: LoginDep, state: StateDep) -> LoginResponse:
    """Exchange a user's name and password for a token that holds as long as a command line needs it."""
    response.headers.update(NOT_KEPT)
    return await _token(request, body, state["settings"].api_auth.jwt_cli_expiration_time_seconds)


@router.get("/token", status_code=201, responses=documented(403))
async def create_token_all_admins(state: StateDep) -> LoginResponse:
    """A token for nothing, where whoever comes is an Admin."""
    return LoginResponse(access_token=_token_of_all_admins(state))


@router.get("/token/login", status_code=307, responses=documented(403))
async def login_all_admins(request: Request, state: StateDep, next: str | None = None) -> RedirectResponse:
    """Log the browser in for nothing, where whoever comes is an Admin."""
    token = _token_of_all_admins(state)
    response = RedirectResponse(checked_next(next, request, state["settings"].api.base_url) or "/")
    set_cookie(response, request, token)
    return response


async def _token(request: Request, body: LoginBody, lifetime_seconds: int) -> LoginResponse:
    state: ApiState = request.scope["state"]
    if state["settings"].core.simple_auth_manager_all_admins:
        return LoginResponse(access_token=anonymous_token(state, lifetime_seconds))
    user = await signed_in(request, body.username, body.password)
    return LoginResponse(access_token=token_for(state, user, lifetime_seconds))


def _token_of_all_admins(state: ApiState) -> str:
    if not state["settings"].core.simple_auth_manager_all_admins:
        raise Forbidden(ALL_ADMINS)
    return anonymous_token(state, state["settings"].api_auth.jwt_expiration_time_seconds)
