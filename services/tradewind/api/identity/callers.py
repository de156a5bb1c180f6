"""Recognises callers by what they send, without asking the database each time.

Whoever was recognised is remembered, until `identity_revision` says that something has changed for somebody: one small
statement a second, whatever the number of requests. Where that question is not answered (or nobody asks it), what is
remembered is not trusted for longer than `TRUST_SECONDS`: then each request asks for its caller. So a changed role, a
deactivated user, a revoked token count within two seconds in every process, and no request waits for it.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tradewind.api.errors import Forbidden, Unauthorized
from tradewind.api.identity.api_tokens import is_well_formed, looks_like_api_token, token_hash
from tradewind.api.identity.caller import Caller, Role, Scopes, Via
from tradewind.api.settings import ApiServiceSettings
from tradewind.core.clock import Clock
from tradewind.core.errors import AdapterError
from tradewind.db.api.identity import logins as queries
from tradewind.db.api.identity.tokens import touch_tokens
from tradewind.db.pool import Database, Row
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.service.tokens import ApiClaims, InvalidToken, TokenSigner

ANONYMOUS: Final = "Anonymous"
"""Whom nobody has to be recognised as: no user can have this name."""
REMEMBERED: Final = 4096
TRUST_SECONDS: Final = 2.0
WATCH_SECONDS: Final = 1.0
NOTE_EVERY: Final = 10
"""Turns between two notes of which API tokens were used."""
FORGET_EVERY: Final = 600
"""Turns between two times that expired rows are deleted."""


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    expires_at: datetime | None = None
    api_token_id: UUID | None = None


class Callers:
    """Every method raises `Unauthorized` for what has ended (log in again), `Forbidden` for what was never ours."""

    def __init__(
        self,
        *,
        database: Database,
        signer: TokenSigner,
        clock: Clock,
        settings: ApiServiceSettings,
        telemetry: Telemetry,
    ) -> None:
        self._database = database
        self._signer = signer
        self._clock = clock
        self._anonymous = _anonymous(settings)
        self._known: OrderedDict[tuple[Via, str], _Known] = OrderedDict()
        self._used: dict[UUID, datetime] = {}
        self._generation = 0
        self._revision: int | None = None
        self._revision_asked_at = float("-inf")
        self._loop = telemetry.loop("identity-watch", interval_seconds=WATCH_SECONDS)

    async def by_token(self, token: str) -> Caller:
        """Whoever sends this token: of a login, or an API token."""
        return await self._by("api_token" if looks_like_api_token(token) else "password_token", token)

    async def by_cookie(self, token: str) -> Caller:
        """Whoever's browser sends this; an API token is no cookie."""
        try:
            return await self._by("cookie", token)
        except Forbidden as exc:
            raise Unauthorized("The cookie is not valid: log in again") from exc

    def anonymous(self) -> Caller:
        """Whoever sends nothing, where the settings let them in."""
        if self._anonymous is None:
            raise Unauthorized("Not authenticated")
        return self._anonymous

    def claims(self, token: str) -> ApiClaims:
        """What the token of a login says, expired or not."""
        try:
            return self._signer.verify_api_token(token, now=_EPOCH)
        except InvalidToken as exc:
            raise Forbidden(f"The token is not valid: {exc}") from exc

    def forget(self) -> None:
        """Something has changed for somebody: ask anew."""
        self._generation += 1
        self._known.clear()

    async def run(self, stop: asyncio.Event) -> None:
        """Watch for changes until `stop`; note then what is not noted yet."""
        turn = 0
        while True:
            try:
                with self._loop.turn():
                    await self.watch()
                    if turn % NOTE_EVERY == 0:
                        await self.note_used()
                    if turn % FORGET_EVERY == 0:
                        await queries.delete_expired_logins(self._database, self._clock())
            except AdapterError as exc:
                get_logger().warning("identity_watch.failed", error=str(exc))
            turn += 1
            if await pause(stop, WATCH_SECONDS):
                await self._note_last()
                return

    async def watch(self) -> None:
        """Ask once whether something has changed."""
        asked_at = asyncio.get_running_loop().time()
        revision = await queries.get_identity_revision(self._database)
        if revision != self._revision:
            self._revision = revision
            self.forget()
        self._revision_asked_at = asked_at

    async def note_used(self) -> None:
        """Write down when API tokens were used last."""
        used, self._used = self._used, {}
        if used:
            await touch_tokens(self._database, used)

    async def _note_last(self) -> None:
        try:
            await self.note_used()
        except AdapterError as exc:
            get_logger().warning("identity_watch.failed", error=str(exc))

    async def _by(self, via: Via, token: str) -> Caller:
        known = self._known.get((via, token)) if self._is_trusted() else None
        if known is None:
            known = await self._recognised(via, token)
        now = self._clock()
        if known.expires_at is not None and now >= known.expires_at:
            raise Unauthorized("The token has expired: log in again")
        if known.api_token_id is not None:
            self._used[known.api_token_id] = now
        return known.caller

    def _is_trusted(self) -> bool:
        return asyncio.get_running_loop().time() - self._revision_asked_at <= TRUST_SECONDS

    async def _recognised(self, via: Via, token: str) -> _Known:
        generation = self._generation
        known = await self._of_api_token(token) if via == "api_token" else await self._of_login(via, token)
        if generation == self._generation:  # else something has changed since the database was asked
            self._known[via, token] = known
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return known

    async def _of_login(self, via: Via, token: str) -> _Known:
        claims = self.claims(token)
        if claims.username == ANONYMOUS:
            return _Known(self.anonymous(), claims.expires_at)
        row = await queries.get_caller(self._database, claims.username, claims.token_id)
        row = _active(row)
        if row["is_revoked"] or claims.credentials_id not in (None, row["credentials_id"]):
            raise Unauthorized("The token has been revoked: log in again")
        return _Known(Caller(username=claims.username, role=row["role"], via=via), claims.expires_at)

    async def _of_api_token(self, token: str) -> _Known:
        if not is_well_formed(token):
            raise Forbidden("This is no API token: it was mistyped, or cut short")
        row = await queries.get_token_caller(self._database, token_hash(token))
        if row is None:
            raise Forbidden("The API token is not known here")
        row = _active(row)
        if row["revoked_at"] is not None:
            raise Unauthorized("The API token has been revoked")
        scopes = _scopes(row["actions"], row["dag_patterns"])
        caller = Caller(username=row["username"], role=row["role"], via="api_token", scopes=scopes)
        return _Known(caller, row["expires_at"], row["id"])


_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
"""Signatures are verified as of this moment, at which nothing has expired; expiry is compared at each request."""


def _anonymous(settings: ApiServiceSettings) -> Caller | None:
    if settings.core.simple_auth_manager_all_admins:
        return Caller(username=ANONYMOUS, role=Role.ADMIN, via="anonymous")
    if settings.api_auth.auth_role_public:
        return Caller(username=ANONYMOUS, role=settings.api_auth.auth_role_public, via="anonymous")
    return None


def _active(row: Row | None) -> Row:
    if row is None or not row["is_active"]:
        raise Unauthorized("The user is not active")
    return row


def _scopes(actions: list[str] | None, dag_patterns: list[str] | None) -> Scopes | None:
    if actions is None and dag_patterns is None:
        return None
    return Scopes(
        actions=None if actions is None else frozenset(actions),
        dag_patterns=None if dag_patterns is None else tuple(dag_patterns),
    )
