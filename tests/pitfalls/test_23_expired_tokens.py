"""Row 23: a token expires while its task waits in a queue or runs for long, and the task is killed for it."""

from typing import Any
from uuid import UUID

import jwt
import pytest

from tradewind.service.tokens import AttemptClaims, InvalidToken, TokenSigner

LONG_AGO = 1_000_000_000
ATTEMPT = AttemptClaims(attempt_id=UUID(int=7), dag_id="dag", run_id="run", task_id="task", map_index=-1, try_number=1)


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    """As somebody might mint it who thinks of the time that a task usually takes: it has expired since."""
    right = TokenSigner._mint  # pyright: ignore[reportPrivateUsage]

    def short_lived(self: TokenSigner, claims: dict[str, Any]) -> str:
        return right(self, {**claims, "exp": LONG_AGO})

    monkeypatch.setattr(TokenSigner, "_mint", short_lived)
    return TokenSigner("secret").mint_attempt_token(ATTEMPT)


def test_a_token_is_good_for_as_long_as_its_attempt(token: str) -> None:
    assert TokenSigner("secret").verify_attempt_token(token) == ATTEMPT


def test_by_the_clock_it_would_be_refused(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = jwt.decode

    def strict(*args: Any, options: dict[str, Any], **kwargs: Any) -> Any:
        return right(*args, options={**options, "verify_exp": True}, **kwargs)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(jwt, "decode", strict)
    with pytest.raises(InvalidToken):
        TokenSigner("secret").verify_attempt_token(token)


def test_a_service_with_another_secret_says_that_it_is_the_secret(token: str) -> None:
    with pytest.raises(InvalidToken, match="a secret that this service does not have"):
        TokenSigner("another").verify_attempt_token(token)
