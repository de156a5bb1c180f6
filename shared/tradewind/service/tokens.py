"""Signed tokens: of people for the API, of attempts for `/execution`, and of whoever imports DAG files for what these
read there.

All are JWTs signed with HS256 and told apart by audience, so that none opens another's door. An attempt's token has no
expiry: it is valid while its attempt is current, which only the database can say.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tradewind.core.errors import DomainError
from tradewind.service.lean_imports import not_installed

# Algorithms with key pairs, which we do not use, would cost each service 8 MB.
with not_installed("cryptography"):
    import jwt

ALGORITHM: Final = "HS256"
API_AUDIENCE: Final = "tradewind:api"
EXECUTION_AUDIENCE: Final = "tradewind:execution"
READER_AUDIENCE: Final = "tradewind:execution:reader"


class InvalidToken(DomainError):
    """The token was not made by us, is for another purpose, or has expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiClaims:
    """Who a person is."""

    username: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptClaims:
    """Which attempt a task process runs."""

    attempt_id: UUID
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderClaims:
    """Which service has DAG files imported that may read stored Variables and Connections."""

    service: str
    expires_at: datetime


class TokenSigner:
    """Mints and verifies with one secret, which every service must share."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"tradewind.jwt:" + secret.encode()).digest()
        self._headers = {"kid": hashlib.sha256(self._key).hexdigest()[:16]}

    def mint_api_token(self, username: str, *, now: datetime, lifetime_seconds: int) -> str:
        """A token for this user, valid from `now` for so many seconds."""
        expires_at = now + timedelta(seconds=lifetime_seconds)
        return self._mint({"sub": username, "aud": API_AUDIENCE, "iat": _epoch(now), "exp": _epoch(expires_at)})

    def verify_api_token(self, token: str, *, now: datetime) -> ApiClaims:
        """Raises `InvalidToken`, also when it expired before `now`."""
        claims, issued_at, expires_at = self._verify_times(token, API_AUDIENCE, now)
        return ApiClaims(username=claims["sub"], issued_at=issued_at, expires_at=expires_at)

    def mint_reader_token(self, service: str, *, now: datetime, lifetime_seconds: int) -> str:
        """A token with which DAG files that this service imports read what is stored, from `now` for so many
        seconds."""
        expires_at = now + timedelta(seconds=lifetime_seconds)
        return self._mint({"sub": service, "aud": READER_AUDIENCE, "iat": _epoch(now), "exp": _epoch(expires_at)})

    def verify_reader_token(self, token: str, *, now: datetime) -> ReaderClaims:
        """Raises `InvalidToken`, also when it expired before `now`."""
        claims, _, expires_at = self._verify_times(token, READER_AUDIENCE, now)
        return ReaderClaims(service=claims["sub"], expires_at=expires_at)

    def mint_attempt_token(self, attempt: AttemptClaims) -> str:
        """A token with which a task process speaks for this attempt."""
        return self._mint(
            {
                "sub": str(attempt.attempt_id),
                "aud": EXECUTION_AUDIENCE,
                "dag_id": attempt.dag_id,
                "run_id": attempt.run_id,
                "task_id": attempt.task_id,
                "map_index": attempt.map_index,
                "try_number": attempt.try_number,
            }
        )

    def verify_attempt_token(self, token: str) -> AttemptClaims:
        """Raises `InvalidToken`. Whether the attempt is still current is for the caller to ask the database."""
        claims = self._verify(token, EXECUTION_AUDIENCE, ("sub",))
        try:
            return AttemptClaims(
                attempt_id=UUID(claims["sub"]),
                dag_id=str(claims["dag_id"]),
                run_id=str(claims["run_id"]),
                task_id=str(claims["task_id"]),
                map_index=int(claims["map_index"]),
                try_number=int(claims["try_number"]),
            )
        except (KeyError, TypeError, ValueError) as exc:
            raise InvalidToken("the token names no attempt") from exc

    def _verify_times(self, token: str, audience: str, now: datetime) -> tuple[dict[str, Any], datetime, datetime]:
        """The claims, when it was issued, when it expires."""
        claims = self._verify(token, audience, ("sub", "iat", "exp"))
        try:
            issued_at, expires_at = (datetime.fromtimestamp(claims[name], now.tzinfo) for name in ("iat", "exp"))
        except (TypeError, ValueError, OverflowError) as exc:
            raise InvalidToken("the token's times are malformed") from exc
        if now >= expires_at:
            raise InvalidToken("the token has expired")
        return claims, issued_at, expires_at

    def _mint(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self._key, ALGORITHM, headers=self._headers)

    def _verify(self, token: str, audience: str, required: tuple[str, ...]) -> dict[str, Any]:
        # Times are checked by the caller against the clock that it was given, not against the system's.
        options: Any = {"require": ["aud", *required], "verify_exp": False, "verify_iat": False, "verify_nbf": False}
        try:
            return jwt.decode(token, self._key, algorithms=[ALGORITHM], audience=audience, options=options)
        except jwt.InvalidTokenError as exc:
            raise InvalidToken(str(exc)) from exc


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp())
