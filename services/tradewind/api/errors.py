"""Errors as HTTP answers. The status belongs to the error's class; bodies are those of Airflow's API.

DomainError
├── ApiError           status and detail of its own
│   ├── BadRequest 400
│   ├── Unauthorized 401
│   ├── Forbidden 403
│   ├── NoSuchThing 404 (with a reason)
│   ├── NotAcceptable 406
│   ├── AlreadyExists, Conflicting 409
│   ├── RequestTooLarge 413
│   ├── UnsupportedMediaType 415
│   ├── Unprocessable 422
│   └── TooManyRequests 429
├── NotFound 404, Conflict 409, InvalidValue 422, UnknownOrder and StaleCursor 400
└── StaleAttempt 410, AttemptNotRunning 409
AdapterError 503
"""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from tradewind.api.models.base import HTTPExceptionResponse, HTTPValidationError
from tradewind.core.errors import AdapterError, Conflict, DomainError, NotFound
from tradewind.db.api.execution import AttemptNotRunning, StaleAttempt
from tradewind.db.api.pages import StaleCursor, UnknownOrder
from tradewind.db.pool import InvalidValue
from tradewind.log_store.port import LogStoreFailed
from tradewind.service.logging import get_logger

Detail = str | Mapping[str, object]


class ApiError(DomainError):
    """An error that knows its own HTTP status."""

    status: ClassVar[int] = 500
    headers: ClassVar[Mapping[str, str] | None] = None

    def __init__(self, detail: Detail, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail: Final = detail
        self.own_headers: Final = headers or {}


class BadRequest(ApiError):
    """The request is well formed and makes no sense."""

    status = 400


class Unauthorized(ApiError):
    """Nobody is logged in."""

    status = 401
    headers: ClassVar[Mapping[str, str] | None] = {"WWW-Authenticate": "Bearer"}


class Forbidden(ApiError):
    """Whoever is logged in may not do this."""

    status = 403


class NoSuchThing(ApiError):
    """What a task process asked for does not exist."""

    status = 404

    def __init__(self, message: str) -> None:
        super().__init__({"reason": "not_found", "message": message})


class NotAcceptable(ApiError):
    """None of our content types is wanted."""

    status = 406


class AlreadyExists(ApiError):
    """A thing of this name exists already."""

    status = 409

    def __init__(self, message: str) -> None:
        super().__init__(
            {
                "reason": "Unique constraint violation",
                "statement": "hidden",
                "orig_error": "hidden",
                "message": message,
            }
        )


class Conflicting(ApiError):
    """It cannot be done as things are; the detail says why."""

    status = 409


class Unanswered(ApiError):
    """Another service that must be asked says nothing at the moment."""

    status = 503
    headers: ClassVar[Mapping[str, str] | None] = {"Retry-After": "1"}


class RequestTooLarge(ApiError):
    """The body is longer than is allowed."""

    status = 413


class UnsupportedMediaType(ApiError):
    """The body is of a kind that is not read here."""

    status = 415


class Unprocessable(ApiError):
    """A parameter has a value that it cannot have."""

    status = 422


class TooManyRequests(ApiError):
    """More of these wait already than will be served soon, or came than may."""

    status = 429


STATUS_BY_ERROR: Final[Mapping[type[DomainError], int]] = {
    NotFound: 404,
    Conflict: 409,
    InvalidValue: 422,
    UnknownOrder: 400,
    StaleCursor: 400,
}

REASON_BY_ATTEMPT_ERROR: Final[Mapping[type[DomainError], tuple[int, str]]] = {
    StaleAttempt: (410, "attempt_superseded"),
    AttemptNotRunning: (409, "attempt_not_running"),
}

DESCRIPTIONS: Final[Mapping[int, str]] = {
    303: "See Other",
    307: "Temporary Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    406: "Not Acceptable",
    409: "Conflict",
    410: "Gone",
    415: "Unsupported Media Type",
    422: "Validation Error",
    429: "Too Many Requests",
    503: "Service Unavailable",
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What to write into OpenAPI for a route that can answer so."""
    return {status: {"model": HTTPExceptionResponse, "description": DESCRIPTIONS[status]} for status in statuses}


REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": HTTPExceptionResponse, "description": DESCRIPTIONS[400]},
    422: {"model": HTTPValidationError | HTTPExceptionResponse, "description": DESCRIPTIONS[422]},
    503: {"model": HTTPExceptionResponse, "description": DESCRIPTIONS[503]},
}
"""What any route may answer: to what cannot be, to what cannot be read, and while the database is away."""


def install_error_handlers(app: FastAPI) -> None:
    """Answer each kind of error as the table says."""
    app.add_exception_handler(DomainError, _answer_domain_error)
    app.add_exception_handler(AdapterError, _answer_adapter_error)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)
    app.add_exception_handler(RecursionError, _answer_too_deep)


async def _answer_domain_error(request: Request, exc: Exception) -> JSONResponse:
    if isinstance(exc, Unauthorized | Forbidden | StaleAttempt | AttemptNotRunning):
        # Counted by route and status in `request_seconds`.
        get_logger().warning("request.refused", method=request.method, path=request.url.path, reason=str(exc))
    match exc:
        case ApiError():
            headers = {**(exc.headers or {}), **exc.own_headers}
            return JSONResponse({"detail": exc.detail}, status_code=exc.status, headers=headers)
        case StaleAttempt() | AttemptNotRunning():
            status, reason = REASON_BY_ATTEMPT_ERROR[type(exc)]
            return JSONResponse({"detail": {"reason": reason, "message": str(exc)}}, status_code=status)
        case _:
            status = next((code for kind, code in STATUS_BY_ERROR.items() if isinstance(exc, kind)), 400)
            return JSONResponse({"detail": str(exc)}, status_code=status)


async def _answer_adapter_error(request: Request, exc: Exception) -> JSONResponse:
    get_logger().warning("request.unavailable", path=request.url.path, error=str(exc))
    is_log_store = isinstance(exc, LogStoreFailed)
    body = {"detail": str(exc) if is_log_store else "The database cannot be reached at the moment: try again"}
    return JSONResponse(body, status_code=503, headers={"Retry-After": "1"})


async def _answer_validation_error(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, RequestValidationError)
    # What was sent is shown back, except where it is likely to hold a password.
    hidden = {"input", "ctx"} if request.url.path.startswith("/auth/") else set[str]()
    errors = [{name: value for name, value in error.items() if name not in hidden} for error in exc.errors()]
    return JSONResponse({"detail": _sayable(jsonable_encoder(errors))}, status_code=422)


async def _answer_too_deep(request: Request, exc: Exception) -> JSONResponse:
    get_logger().warning("request.too_deep", path=request.url.path, error=str(exc))
    return JSONResponse({"detail": "The body's lists and objects stand too deep in each other"}, status_code=422)


def _sayable(value: Any) -> Any:
    """The value with what JSON cannot say (NaN, infinities, halves of characters) as text that it can."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {_sayable(key): _sayable(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType] - JSON
    if isinstance(value, list):
        return [_sayable(item) for item in value]  # pyright: ignore[reportUnknownVariableType] - JSON
    return value
