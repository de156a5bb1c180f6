"""Who somebody is here, by what a provider says of them."""

import re
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Final, cast

from tradewind.api.errors import Forbidden
from tradewind.api.identity.caller import Role
from tradewind.api.identity.rules import check_username
from tradewind.api.settings import OidcSettings
from tradewind.core.errors import ConfigError
from tradewind.db.api.identity.users import ExternalUser

USERNAME: Final = re.compile(r"[^\s/\x00-\x1f\x7f]{1,250}")
MAPPING: Final = "TRADEWIND__OIDC__ROLE_MAPPING"


def person(claims: Mapping[str, object], settings: OidcSettings) -> ExternalUser:
    """The user that these claims come to. Raises `Forbidden` for claims without a usable name, and for people for whom
    there is no role here."""
    username = claimed(claims, settings.username_claim)
    if not isinstance(username, str) or USERNAME.fullmatch(username) is None:
        raise Forbidden(f"The claim {settings.username_claim!r} of this sign-in is no user's name: {username!r}")
    check_username(username)
    return ExternalUser(
        username=username,
        external_id=f"{settings.issuer}|{claims['sub']}",
        role=_role(claims, settings, username),
        first_name=_text(claims, "given_name"),
        last_name=_text(claims, "family_name"),
        email=_text(claims, "email"),
    )


def claimed(claims: Mapping[str, object], name: str) -> object:
    """A claim by its name, or by the names of objects on the way, with dots (`realm_access.roles`); None if absent."""
    if name in claims:
        return claims[name]
    return reduce(_inner, name.split("."), claims)


def role_mapping(text: str) -> dict[str, Role]:
    """`value=Role` pairs, separated by commas; raises `ConfigError`."""
    mapping: dict[str, Role] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        value, found, role = pair.rpartition("=")
        if not found or role.strip() not in [*Role]:
            raise ConfigError(f"{MAPPING}: {pair!r} is not value=Role, with a role among {', '.join(Role)}")
        mapping[value.strip()] = Role(role.strip())
    return mapping


def _inner(value: object, name: str) -> object:
    return cast("Mapping[str, object]", value).get(name) if isinstance(value, Mapping) else None


def _role(claims: Mapping[str, object], settings: OidcSettings, username: str) -> str:
    mapping = role_mapping(settings.role_mapping)
    claim = claimed(claims, settings.role_claim) if settings.role_claim else None
    said = cast("Iterable[object]", [claim] if isinstance(claim, str) else claim if isinstance(claim, list) else [])
    held = {mapping[value] for value in said if isinstance(value, str) and value in mapping}
    role = next((role for role in Role if role in held), None) or settings.default_role
    if not role:
        raise Forbidden(f"{username!r} has no role here: the claim {settings.role_claim!r} has no value of {MAPPING}")
    return role


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    return value[:250].replace("\x00", "") if isinstance(value, str) else ""
