"""`/auth`: tokens for people."""

import json
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import Unauthorized, UnsupportedMediaType, documented
from tradewind.api.models.auth import LoginBody, LoginResponse
from tradewind.db.api.identity.users import get_user

router = APIRouter(prefix="/auth", tags=["Login"])

LOGIN_BODY_SCHEMA = LoginBody.model_json_schema()


async def login_body(request: Request) -> LoginBody:
    """The body as JSON or as a form."""
    content_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if content_type not in ("application/json", "application/x-www-form-urlencoded"):
        raise UnsupportedMediaType("Send application/json or application/x-www-form-urlencoded")
    try:
        values = await _json_or_form(request, is_form=content_type != "application/json")
        return LoginBody.model_validate(values)
    except ValidationError as exc:
        raise RequestValidationError([{**error, "loc": ("body", *error["loc"])} for error in exc.errors()]) from exc


async def _json_or_form(request: Request, *, is_form: bool) -> object:
    if is_form:
        return dict(await request.form())
    try:
        return cast("object", await request.json())
    except (json.JSONDecodeError, UnicodeDecodeError) as exc:
        error = {"type": "json_invalid", "loc": ("body",), "msg": "JSON decode error", "ctx": {"error": str(exc)}}
        raise RequestValidationError([error]) from exc


@router.post(
    "/token",
    status_code=201,
    responses=documented(400, 401),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": LOGIN_BODY_SCHEMA},
                "application/x-www-form-urlencoded": {"schema": LOGIN_BODY_SCHEMA},
            },
        }
    },
)
async def create_token(body: Annotated[LoginBody, Depends(login_body)], state: StateDep) -> LoginResponse:
    """Exchange a user's name and password for a token."""
    user = await get_user(state["database"], body.username)
    if not await state["passwords"].is_correct(user["password_hash"] if user else None, body.password):
        raise Unauthorized("Invalid credentials")
    lifetime_seconds = state["settings"].api_auth.jwt_expiration_time_seconds
    token = state["signer"].mint_api_token(body.username, now=state["clock"](), lifetime_seconds=lifetime_seconds)
    return LoginResponse(access_token=token)
