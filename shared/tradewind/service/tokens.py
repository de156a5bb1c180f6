"""Signed tokens: of people for the API, of attempts for `/execution`, and of whoever imports DAG files for what these
read there.

All are JWTs signed with HS256 and told apart by audience, so that none opens another's door. An attempt's token is
valid while its attempt is current, which only the database can say: that bound is tighter than any expiry. One that was
given over HTTP names the lease that it stands for, and expires, too; it is renewed while the lease is held. A
workload's token is for a process that waits for its turn: it lets an attempt be started, nothing else.

The secret can be replaced without a stop. Each token names by an id the key that signed it; a service signs with the
first of its secrets and takes what any of them signed. So: the new secret second everywhere, then first everywhere, and
the old one goes when nothing signed with it is in use.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tradewind.core.errors import ConfigError, DomainError
from tradewind.service.lean_imports import not_installed

# Algorithms with key pairs, which we do not use, would cost each service 8 MB.
with not_installed("cryptography"):
    import jwt

ALGORITHM: Final = "HS256"
API_AUDIENCE: Final = "tradewind:api"
EXECUTION_AUDIENCE: Final = "tradewind:execution"
WORKLOAD_AUDIENCE: Final = "tradewind:execution:workload"
READER_AUDIENCE: Final = "tradewind:execution:reader"
FILE_AUDIENCE: Final = "tradewind:file"
SIGN_IN_AUDIENCE: Final = "tradewind:sign-in"


class InvalidToken(DomainError):
    """The token was not made by us, is for another purpose, or has expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiClaims:
    """Who a person is."""

    username: str
    issued_at: datetime
    expires_at: datetime
    token_id: UUID | None = None
    """By which it can be revoked before it expires."""
    credentials_id: UUID | None = None
    """The password or sign-in that it was given for; with the next one the token ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptClaims:
    """Which attempt a task process runs."""

    attempt_id: UUID
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    lease: UUID | None = None
    """The incarnation that the attempt was granted to over HTTP; None: a worker holds the lease, and reports."""
    expires_at: datetime | None = None
    """None: as long as the attempt is current."""


CONNECTION_TESTER: Final = "connection_tester"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderClaims:
    """Which service has DAG files imported that may read stored Variables and Connections, or (`CONNECTION_TESTER`)
    runs the hooks of connections that are to be tested."""

    service: str
    expires_at: datetime


class TokenSigner:
    """Mints and verifies with secrets that every service must share: one or several, separated by commas or line
    ends, newest first. The first signs, all verify."""

    def __init__(self, secrets: str) -> None:
        keys = [_key(secret.strip()) for secret in re.split(r"[,\n]", secrets) if secret.strip()]
        if not keys:
            raise ConfigError("TRADEWIND__API_AUTH__JWT_SECRET has no secret in it")
        self._keys = {_key_id(key): key for key in keys}
        self._newest = keys[0]
        self._headers = {"kid": _key_id(keys[0])}

    def mint_api_token(
        self,
        username: str,
        *,
        now: datetime,
        lifetime_seconds: int,
        token_id: UUID | None = None,
        credentials_id: UUID | None = None,
    ) -> str:
        """A token for this user, valid from `now` for so many seconds."""
        expires_at = now + timedelta(seconds=lifetime_seconds)
        claims = {"sub": username, "aud": API_AUDIENCE, "iat": _epoch(now), "exp": _epoch(expires_at)}
        ids = {"jti": token_id, "cid": credentials_id}
        return self._mint(claims | {name: str(value) for name, value in ids.items() if value is not None})

    def verify_api_token(self, token: str, *, now: datetime) -> ApiClaims:
        """Raises `InvalidToken`, also when it expired before `now`."""
        claims, issued_at, expires_at = self._verify_times(token, API_AUDIENCE, now)
        return ApiClaims(
            username=claims["sub"],
            issued_at=issued_at,
            expires_at=expires_at,
            token_id=_id(claims.get("jti")),
            credentials_id=_id(claims.get("cid")),
        )

    def mint_sign_in_token(self, flow: Mapping[str, str], *, now: datetime, lifetime_seconds: int) -> str:
        """What a browser keeps while its user signs in elsewhere: read it, yes, change it, no."""
        expires_at = now + timedelta(seconds=lifetime_seconds)
        times = {"iat": _epoch(now), "exp": _epoch(expires_at)}
        return self._mint({"sub": "sign-in", "aud": SIGN_IN_AUDIENCE, **times, "flow": dict(flow)})

    def verify_sign_in_token(self, token: str, *, now: datetime) -> Mapping[str, str]:
        """Raises `InvalidToken`, also when it expired before `now`."""
        claims, _, _ = self._verify_times(token, SIGN_IN_AUDIENCE, now)
        return claims["flow"]

    def mint_reader_token(self, service: str, *, now: datetime, lifetime_seconds: int) -> str:
        """A token with which DAG files that this service imports read what is stored, from `now` for so many
        seconds."""
        expires_at = now + timedelta(seconds=lifetime_seconds)
        return self._mint({"sub": service, "aud": READER_AUDIENCE, "iat": _epoch(now), "exp": _epoch(expires_at)})

    def verify_reader_token(self, token: str, *, now: datetime) -> ReaderClaims:
        """Raises `InvalidToken`, also when it expired before `now`."""
        claims, _, expires_at = self._verify_times(token, READER_AUDIENCE, now)
        return ReaderClaims(service=claims["sub"], expires_at=expires_at)

    def mint_file_token(self, relative_fileloc: str) -> str:
        """Stands for a DAG file, always the same; whoever holds it has been shown the file."""
        return self._mint({"sub": relative_fileloc, "aud": FILE_AUDIENCE})

    def verify_file_token(self, token: str) -> str:
        """The file's `relative_fileloc`; raises `InvalidToken`."""
        return str(self._verify(token, FILE_AUDIENCE, ("sub",))["sub"])

    def mint_attempt_token(self, attempt: AttemptClaims) -> str:
        """A token with which a task process speaks for this attempt."""
        return self._mint({"aud": EXECUTION_AUDIENCE, **_named(attempt)})

    def verify_attempt_token(self, token: str) -> AttemptClaims:
        """Raises `InvalidToken`. Whether the attempt is still current is for the caller to ask the database, and
        whether the token has expired, to compare."""
        claims = self._verify(token, EXECUTION_AUDIENCE, ("sub",))
        return _attempt(claims, expires="lease" in claims)

    def mint_workload_token(self, attempt: AttemptClaims, *, now: datetime, lifetime_seconds: int) -> str:
        """A token with which a process may start this attempt, from `now` for so many seconds: it outlasts a queue."""
        expires_at = now + timedelta(seconds=lifetime_seconds)
        return self._mint({"aud": WORKLOAD_AUDIENCE, **_named(replace(attempt, lease=None, expires_at=expires_at))})

    def verify_workload_token(self, token: str) -> AttemptClaims:
        """As `verify_attempt_token`."""
        return _attempt(self._verify(token, WORKLOAD_AUDIENCE, ("sub", "exp")), expires=True)

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
        return jwt.encode(claims, self._newest, ALGORITHM, headers=self._headers)

    def _verify(self, token: str, audience: str, required: tuple[str, ...]) -> dict[str, Any]:
        # Times are checked by the caller against the clock that it was given, not against the system's.
        options: Any = {"require": ["aud", *required], "verify_exp": False, "verify_iat": False, "verify_nbf": False}
        try:
            key = self._keys.get(jwt.get_unverified_header(token).get("kid", ""))
            if key is None:
                raise InvalidToken("it was signed with a secret that this service does not have")
            return jwt.decode(token, key, algorithms=[ALGORITHM], audience=audience, options=options)
        except jwt.InvalidTokenError as exc:
            raise InvalidToken(str(exc)) from exc


def _key(secret: str) -> bytes:
    return hashlib.sha256(b"tradewind.jwt:" + secret.encode()).digest()


def _key_id(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:16]


def _id(text: object) -> UUID | None:
    try:
        return None if text is None else UUID(str(text))
    except ValueError as exc:
        raise InvalidToken("the token's ids are malformed") from exc


def _named(attempt: AttemptClaims) -> dict[str, Any]:
    claims: dict[str, Any] = {
        "sub": str(attempt.attempt_id),
        "dag_id": attempt.dag_id,
        "run_id": attempt.run_id,
        "task_id": attempt.task_id,
        "map_index": attempt.map_index,
        "try_number": attempt.try_number,
    }
    if attempt.lease is not None:
        claims["lease"] = str(attempt.lease)
    if attempt.expires_at is not None:
        claims["exp"] = _epoch(attempt.expires_at)
    return claims


def _attempt(claims: dict[str, Any], *, expires: bool) -> AttemptClaims:
    try:
        return AttemptClaims(
            attempt_id=UUID(claims["sub"]),
            dag_id=str(claims["dag_id"]),
            run_id=str(claims["run_id"]),
            task_id=str(claims["task_id"]),
            map_index=int(claims["map_index"]),
            try_number=int(claims["try_number"]),
            lease=UUID(claims["lease"]) if "lease" in claims else None,
            expires_at=datetime.fromtimestamp(claims["exp"], UTC) if expires else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:
        raise InvalidToken("the token names no attempt") from exc


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp())
