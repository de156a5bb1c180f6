"""Which program is calling: task processes by their attempt's token, importers of DAG files by theirs.

Verifying a signature costs a good part of what a small request costs; the same token comes again with every request
of a client, so what was verified is remembered. Expiry is looked at each time.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar

from tradewind.api.errors import Forbidden, Unauthorized
from tradewind.core.clock import Clock
from tradewind.service.tokens import AttemptClaims, InvalidToken, ReaderClaims, TokenSigner

REMEMBERED_TOKENS: Final = 4096

EPOCH: Final = datetime.fromtimestamp(0, UTC)
"""Signatures are verified as of this moment, at which nothing has expired; expiry is compared at each request."""

ClaimsT = TypeVar("ClaimsT")


class _Remembered(Generic[ClaimsT]):
    """The claims of the tokens seen last."""

    def __init__(self, verify: Callable[[str], ClaimsT]) -> None:
        self._verify = verify
        self._claims: OrderedDict[str, ClaimsT] = OrderedDict()

    def claims_of(self, token: str) -> ClaimsT:
        claims = self._claims.get(token)
        if claims is None:
            claims = self._claims[token] = self._verify(token)
            if len(self._claims) > REMEMBERED_TOKENS:
                self._claims.popitem(last=False)
        return claims


class Logins:
    """Verifies tokens: raises `Forbidden` for one that is not ours, `Unauthorized` for one that has expired."""

    def __init__(self, signer: TokenSigner, clock: Clock) -> None:
        self._clock = clock
        self._attempts = _Remembered(signer.verify_attempt_token)
        self._workloads = _Remembered(signer.verify_workload_token)
        self._readers = _Remembered(lambda token: signer.verify_reader_token(token, now=EPOCH))

    def attempt(self, token: str) -> AttemptClaims:
        """The attempt that was given this token; whether it is current, only the database can say."""
        try:
            return self._unexpired(self._attempts, token)
        except InvalidToken as exc:
            raise Forbidden({"reason": "invalid_token", "message": f"This is no attempt's token: {exc}"}) from exc

    def workload(self, token: str) -> AttemptClaims:
        """The attempt that may be started with this token: a workload's, or the attempt's own once it runs."""
        try:
            return self._unexpired(self._workloads, token)
        except InvalidToken:
            return self.attempt(token)

    def _unexpired(self, remembered: "_Remembered[AttemptClaims]", token: str) -> AttemptClaims:
        claims = remembered.claims_of(token)
        if claims.expires_at is not None and self._clock() >= claims.expires_at:
            raise Forbidden({"reason": "expired_token", "message": "The attempt's token has expired"})
        return claims

    def reader(self, token: str) -> ReaderClaims:
        """The service that imports DAG files with this token."""
        try:
            claims = self._readers.claims_of(token)
        except InvalidToken as exc:
            raise Forbidden({"reason": "invalid_token", "message": f"This is no reader's token: {exc}"}) from exc
        if self._clock() >= claims.expires_at:
            raise Unauthorized({"reason": "expired_token", "message": "The reader's token has expired"})
        return claims
