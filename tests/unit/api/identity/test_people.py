"""Rules on names, passwords and roles, and settings with which nobody could sign in."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.api.errors import Forbidden, Unprocessable
from tradewind.api.identity.caller import Caller, Role, Scopes
from tradewind.api.identity.elsewhere import oidc_provider
from tradewind.api.identity.oidc.people import claimed, person, role_mapping
from tradewind.api.identity.rules import check_is_admin, check_new_password
from tradewind.api.settings import OidcSettings
from tradewind.core.errors import ConfigError
from tradewind.service.clock import utc_now

SETTINGS = OidcSettings(
    issuer="https://login.example.org", client_id="x", role_claim="groups", role_mapping="a=Admin,o=Op,u=User"
)
ROLES = {"a": Role.ADMIN, "o": Role.OP, "u": Role.USER}


@given(st.lists(st.sampled_from([*"aoux"])))
def test_the_widest_role_counts(groups: list[str]) -> None:
    claims = {"sub": "1", "preferred_username": "ann", "groups": groups}
    held = [role for role in Role if role in {ROLES.get(group) for group in groups}]

    if held:
        assert person(claims, SETTINGS).role == held[0]
    else:
        with pytest.raises(Forbidden, match="no role here"):
            person(claims, SETTINGS)


def test_a_claim_can_be_one_text() -> None:
    assert person({"sub": "1", "preferred_username": "ann", "groups": "o"}, SETTINGS).role == "Op"


@pytest.mark.parametrize(
    ("name", "value"),
    [("a.b", 1), ("a.c", None), ("a.b.c", None), ("x.y", 2), ("", None), ("a", {"b": 1})],
)
def test_claims_are_found_by_their_way(name: str, value: object) -> None:
    assert claimed({"a": {"b": 1}, "x.y": 2, "x": {"y": 3}}, name) == value


@pytest.mark.parametrize("text", ["admins", "admins=", "admins=admin", "=", "a=Admin,b"])
def test_a_mapping_that_says_nothing_is_a_wrong_setting(text: str) -> None:
    with pytest.raises(ConfigError, match="ROLE_MAPPING"):
        role_mapping(text)


def test_values_of_a_mapping_may_hold_signs_of_equality() -> None:
    assert role_mapping(" cn=ops=Op , b = User ,") == {"cn=ops": Role.OP, "b": Role.USER}


@dataclass(frozen=True)
class Wrong:
    settings: dict[str, Any]
    said: str


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong({"issuer": "http://login.example.org"}, "ISSUER must be an https"),
        Wrong({"issuer": "login.example.org"}, "ISSUER must be an https"),
        Wrong({"client_id": ""}, "CLIENT_ID is not set"),
        Wrong({"role_claim": ""}, "nobody could sign in"),
        Wrong({"role_mapping": ""}, "nobody could sign in"),
        Wrong({"role_mapping": "a=Boss"}, "ROLE_MAPPING"),
    ],
)
def test_settings_with_which_nobody_could_sign_in_are_told_at_the_start(wrong: Wrong) -> None:
    given_settings = {name: getattr(SETTINGS, name) for name in SETTINGS.__struct_fields__} | wrong.settings
    with pytest.raises(ConfigError, match=wrong.said):
        oidc_provider(OidcSettings(**given_settings), utc_now)


def test_without_an_issuer_there_is_no_provider() -> None:
    assert oidc_provider(OidcSettings(), utc_now) is None
    assert oidc_provider(SETTINGS, utc_now) is not None


@pytest.mark.parametrize("password", ["", "short", "aaaaaaaaaaaaaaaaaaaa", "abababababab", "ann_lee1", "1ANN_LEE234"])
def test_passwords_that_are_guessed_first(password: str) -> None:
    with pytest.raises(Unprocessable):
        check_new_password(password, "ann_lee", 8)


@pytest.mark.parametrize("password", ["correct horse", "ann_lee likes horses", "eightchr", "пароль из слов"])
def test_passwords_that_will_do(password: str) -> None:
    check_new_password(password, "ann_lee", 8)


def test_a_narrow_token_is_no_admin() -> None:
    check_is_admin(Caller(username="x", role="Admin", via="api_token"))
    for scopes in (Scopes(), Scopes(actions=frozenset({"create_user"}))):
        with pytest.raises(Forbidden, match="scopes"):
            check_is_admin(Caller(username="x", role="Admin", via="api_token", scopes=scopes))
    with pytest.raises(Forbidden, match="Only an Admin"):
        check_is_admin(Caller(username="x", role="Op", via="password_token"))
