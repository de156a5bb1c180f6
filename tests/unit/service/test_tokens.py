"""Tokens: what is minted verifies, everything else is refused."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
import pytest

from tradewind.core.errors import ConfigError
from tradewind.service.tokens import API_AUDIENCE, EXECUTION_AUDIENCE, AttemptClaims, InvalidToken, TokenSigner

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
ATTEMPT = AttemptClaims(
    attempt_id=UUID("01900000-0000-7000-8000-000000000001"),
    dag_id="a dag",
    run_id="manual__2030-01-02T03:04:05+00:00",
    task_id="group.täsk",
    map_index=-1,
    try_number=2,
)


@pytest.fixture
def signer() -> TokenSigner:
    return TokenSigner("a secret")


def test_an_attempt_token_gives_its_attempt_back(signer: TokenSigner) -> None:
    assert signer.verify_attempt_token(signer.mint_attempt_token(ATTEMPT)) == ATTEMPT


def test_an_api_token_gives_its_user_back_until_it_expires(signer: TokenSigner) -> None:
    token = signer.mint_api_token("admin", now=NOW, lifetime_seconds=60)
    claims = signer.verify_api_token(token, now=NOW + timedelta(seconds=59))
    assert (claims.username, claims.issued_at, claims.expires_at) == ("admin", NOW, NOW + timedelta(seconds=60))
    with pytest.raises(InvalidToken, match="expired"):
        signer.verify_api_token(token, now=NOW + timedelta(seconds=60))


def test_a_readers_token_names_its_service_until_it_expires(signer: TokenSigner) -> None:
    token = signer.mint_reader_token("dag_processor", now=NOW, lifetime_seconds=60)
    claims = signer.verify_reader_token(token, now=NOW + timedelta(seconds=59))
    assert (claims.service, claims.expires_at) == ("dag_processor", NOW + timedelta(seconds=60))
    with pytest.raises(InvalidToken, match="expired"):
        signer.verify_reader_token(token, now=NOW + timedelta(seconds=60))


def test_no_audience_opens_anothers_door(signer: TokenSigner) -> None:
    tokens = {
        "api": signer.mint_api_token("admin", now=NOW, lifetime_seconds=60),
        "attempt": signer.mint_attempt_token(ATTEMPT),
        "workload": signer.mint_workload_token(ATTEMPT, now=NOW, lifetime_seconds=60),
        "reader": signer.mint_reader_token("dag_processor", now=NOW, lifetime_seconds=60),
        "sign-in": signer.mint_sign_in_token({"state": "s"}, now=NOW, lifetime_seconds=60),
    }
    doors: dict[str, Callable[[str], object]] = {
        "api": lambda token: signer.verify_api_token(token, now=NOW),
        "attempt": signer.verify_attempt_token,
        "workload": signer.verify_workload_token,
        "reader": lambda token: signer.verify_reader_token(token, now=NOW),
        "sign-in": lambda token: signer.verify_sign_in_token(token, now=NOW),
    }
    for door, verify in doors.items():
        for kind, token in tokens.items():
            if kind != door:
                with pytest.raises(InvalidToken):
                    verify(token)


def test_an_attempts_token_may_name_its_lease_and_expire(signer: TokenSigner) -> None:
    held = replace(ATTEMPT, lease=UUID(int=9), expires_at=NOW + timedelta(seconds=60))
    assert signer.verify_attempt_token(signer.mint_attempt_token(held)) == held
    waiting = signer.mint_workload_token(held, now=NOW, lifetime_seconds=5)
    assert signer.verify_workload_token(waiting) == replace(held, lease=None, expires_at=NOW + timedelta(seconds=5))


def test_another_secret_is_refused(signer: TokenSigner) -> None:
    with pytest.raises(InvalidToken):
        signer.verify_attempt_token(TokenSigner("another secret").mint_attempt_token(ATTEMPT))


def test_a_changed_token_is_refused(signer: TokenSigner) -> None:
    header, payload, signature = signer.mint_attempt_token(ATTEMPT).split(".")
    other = signer.mint_attempt_token(
        AttemptClaims(attempt_id=UUID(int=7), dag_id="a", run_id="b", task_id="c", map_index=0, try_number=1)
    )
    assert payload != other.split(".")[1]
    with pytest.raises(InvalidToken):
        signer.verify_attempt_token(f"{header}.{other.split('.')[1]}.{signature}")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "." * 5])
def test_garbage_is_refused(signer: TokenSigner, token: str) -> None:
    with pytest.raises(InvalidToken):
        signer.verify_attempt_token(token)
    with pytest.raises(InvalidToken):
        signer.verify_api_token(token, now=NOW)


@pytest.mark.parametrize("audience", [API_AUDIENCE, EXECUTION_AUDIENCE])
def test_an_unsigned_token_is_refused(signer: TokenSigner, audience: str) -> None:
    claims = {"sub": str(ATTEMPT.attempt_id), "aud": audience, "iat": 1, "exp": 10**10}
    token = jwt.encode(claims, "", "none")
    with pytest.raises(InvalidToken):
        signer.verify_attempt_token(token)
    with pytest.raises(InvalidToken):
        signer.verify_api_token(token, now=NOW)


def test_the_header_names_the_key_by_id_and_not_by_value(signer: TokenSigner) -> None:
    header = jwt.get_unverified_header(signer.mint_attempt_token(ATTEMPT))
    other = jwt.get_unverified_header(TokenSigner("b").mint_attempt_token(ATTEMPT))
    assert header["alg"] == "HS256"
    assert header["kid"] != other["kid"]
    assert "exp" not in jwt.decode(signer.mint_attempt_token(ATTEMPT), options={"verify_signature": False})


def test_an_api_token_names_itself_and_the_credentials_that_it_was_given_for(signer: TokenSigner) -> None:
    token = signer.mint_api_token("ada", now=NOW, lifetime_seconds=60, token_id=UUID(int=1), credentials_id=UUID(int=2))
    claims = signer.verify_api_token(token, now=NOW)
    assert (claims.token_id, claims.credentials_id) == (UUID(int=1), UUID(int=2))


def test_a_sign_in_gives_back_what_it_was_begun_with(signer: TokenSigner) -> None:
    token = signer.mint_sign_in_token({"state": "s", "nonce": "n"}, now=NOW, lifetime_seconds=60)
    assert signer.verify_sign_in_token(token, now=NOW) == {"state": "s", "nonce": "n"}
    with pytest.raises(InvalidToken, match="expired"):
        signer.verify_sign_in_token(token, now=NOW + timedelta(seconds=60))


@pytest.mark.parametrize("secrets", ["new,old", "new\nold\n", " new , old ,"])
def test_a_secret_is_replaced_step_by_step(secrets: str) -> None:
    old, both, new = TokenSigner("old"), TokenSigner(secrets), TokenSigner("new")
    of_old, of_both = old.mint_attempt_token(ATTEMPT), both.mint_attempt_token(ATTEMPT)

    assert both.verify_attempt_token(of_old) == ATTEMPT
    assert new.verify_attempt_token(of_both) == ATTEMPT
    for stranger, token in ((new, of_old), (old, of_both)):
        with pytest.raises(InvalidToken, match="a secret that this service does not have"):
            stranger.verify_attempt_token(token)


@pytest.mark.parametrize("secrets", ["", " , \n"])
def test_no_secret_at_all_is_a_wrong_setting(secrets: str) -> None:
    with pytest.raises(ConfigError, match="JWT_SECRET"):
        TokenSigner(secrets)


@pytest.mark.parametrize("key_id", [None, "", "0123456789abcdef", 7, ["x"]])
def test_a_token_of_another_key_id_is_refused(signer: TokenSigner, key_id: object) -> None:
    header, payload, _ = signer.mint_attempt_token(ATTEMPT).split(".")
    claimed = {name: value for name, value in _decoded(header).items() if name != "kid"}
    token = _signed(claimed if key_id is None else {**claimed, "kid": key_id}, payload, "a secret")
    with pytest.raises(InvalidToken):
        signer.verify_attempt_token(token)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "none", "None", "HS512", "hs256", ""])
def test_a_token_cannot_choose_its_algorithm(signer: TokenSigner, algorithm: str) -> None:
    """Right key, right digest: but whoever verifies says how."""
    header, payload, _ = signer.mint_attempt_token(ATTEMPT).split(".")
    with pytest.raises(InvalidToken):
        signer.verify_attempt_token(_signed({**_decoded(header), "alg": algorithm}, payload, "a secret"))
    assert signer.verify_attempt_token(_signed(_decoded(header), payload, "a secret")) == ATTEMPT


def _decoded(part: str) -> dict[str, object]:
    return json.loads(base64.urlsafe_b64decode(part + "=="))


def _signed(header: dict[str, object], payload: str, secret: str) -> str:
    begin = f"{base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b'=').decode()}.{payload}"
    key = hashlib.sha256(b"tradewind.jwt:" + secret.encode()).digest()
    signature = hmac.digest(key, begin.encode(), "sha256")
    return f"{begin}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
