"""Who says who somebody is: an OpenID provider."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import urlsplit

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # pyright: ignore[reportUnknownVariableType] - untyped
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # pyright: ignore[reportUnknownVariableType] - untyped
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tradewind.api.errors import Unanswered, Unauthorized
from tradewind.api.identity.oidc.people import claimed, role_mapping
from tradewind.api.settings import OidcSettings
from tradewind.core.clock import Clock
from tradewind.core.errors import ConfigError

ALGORITHMS: Final = tuple(f"{kind}{size}" for kind in ("RS", "PS", "ES") for size in (256, 384, 512))
"""With key pairs only: a shared secret would let whoever knows it say who anybody is."""
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
TIMEOUT_SECONDS: Final = 10.0
LEEWAY_SECONDS: Final = 60
"""By which the provider's clock may differ from ours."""
MAX_ANSWER_BYTES: Final = 1 << 20

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """Where to send the browser, and what it must bring back."""

    url: str
    flow: Mapping[str, str]


class OidcProvider:
    """What is asked of the provider is asked when somebody signs in; its keys are asked for each time, as they are
    what it changes when one is stolen."""

    def __init__(self, settings: OidcSettings, clock: Clock) -> None:
        """Raises `ConfigError` for settings with which nobody could sign in."""
        _check(settings)
        self.settings: Final = settings
        self._clock = clock

    async def depart(self, redirect_uri: str) -> Departure:
        """Begin a sign-in. Raises `Unanswered`."""
        async with _client() as http:
            metadata = await self._metadata(http)
        flow = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        url = cast("Any", prepare_grant_uri)(
            _endpoint(metadata, "authorization_endpoint"),
            self.settings.client_id,
            "code",
            redirect_uri,
            self.settings.scopes,
            flow["state"],
            nonce=flow["nonce"],
            code_challenge=cast("Any", create_s256_code_challenge)(flow["verifier"]),
            code_challenge_method="S256",
        )
        return Departure(url=url, flow={**flow, "redirect_uri": redirect_uri})

    async def claims(self, code: str, flow: Mapping[str, str]) -> Mapping[str, object]:
        """Who came back with this code, to whom `flow` was given. Raises `Unauthorized` for a code or an answer that
        is not right, `Unanswered`."""
        async with _client() as http:
            metadata = await self._metadata(http)
            tokens = await self._exchange(http, metadata, code, flow)
            keys = await _asked(http, "GET", _endpoint(metadata, "jwks_uri"))
            claims = self._verified(tokens, keys, flow["nonce"])
            return claims if self._says_enough(claims) else await _with_user_info(http, metadata, tokens, claims)

    async def _metadata(self, http: httpx.AsyncClient) -> Json:
        metadata = await _asked(http, "GET", get_well_known_url(self.settings.issuer, external=True))
        if metadata.get("issuer") != self.settings.issuer:
            raise Unanswered(
                f"The provider calls itself {metadata.get('issuer')!r}, not {self.settings.issuer!r} as "
                "TRADEWIND__OIDC__ISSUER says"
            )
        return metadata

    async def _exchange(self, http: httpx.AsyncClient, metadata: Json, code: str, flow: Mapping[str, str]) -> Json:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": flow["redirect_uri"]}
        form["code_verifier"] = flow["verifier"]
        url, headers, body = self._client_auth(metadata).prepare(
            "POST",
            _endpoint(metadata, "token_endpoint"),
            {"Content-Type": "application/x-www-form-urlencoded"},
            str(httpx.QueryParams(form)),
        )
        return await _asked(http, "POST", url, headers=headers, content=body)

    def _client_auth(self, metadata: Json) -> Any:
        secret = self.settings.client_secret
        if secret is None:
            return ClientAuth(self.settings.client_id, None, "none")
        known = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        method = "client_secret_basic" if "client_secret_basic" in known else "client_secret_post"
        return ClientAuth(self.settings.client_id, secret.get_secret_value(), method)

    def _verified(self, tokens: Json, keys: Json, nonce: str) -> Mapping[str, object]:
        try:
            key_set = KeySet.import_key_set(dict(keys))  # pyright: ignore[reportArgumentType] - checked by it
            token = jwt.decode(str(tokens.get("id_token", "")), key_set, algorithms=ALGORITHMS)
            claims: Any = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": self.settings.issuer},
                    "aud": {"essential": True, "value": self.settings.client_id},
                },
                params={
                    "nonce": nonce,
                    "client_id": self.settings.client_id,
                    "access_token": tokens.get("access_token"),
                },
            )
            claims.validate(now=int(self._clock().timestamp()), leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError, KeyError) as exc:
            raise Unauthorized(f"The provider's word is not to be trusted: {exc}") from exc
        return dict(claims)

    def _says_enough(self, claims: Mapping[str, object]) -> bool:
        names = (self.settings.username_claim, self.settings.role_claim)
        return all(claimed(claims, name) is not None for name in names if name)


def _check(settings: OidcSettings) -> None:
    parts = urlsplit(settings.issuer)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ConfigError(f"TRADEWIND__OIDC__ISSUER must be an https:// address, not {settings.issuer!r}")
    if not settings.client_id:
        raise ConfigError("TRADEWIND__OIDC__CLIENT_ID is not set: it is what the provider knows this server by")
    mapping = role_mapping(settings.role_mapping)
    if not settings.default_role and not (mapping and settings.role_claim):
        raise ConfigError(
            "nobody could sign in: set TRADEWIND__OIDC__ROLE_CLAIM and TRADEWIND__OIDC__ROLE_MAPPING, or "
            "TRADEWIND__OIDC__DEFAULT_ROLE"
        )


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False)


def _endpoint(metadata: Json, name: str) -> str:
    url = metadata.get(name)
    if not isinstance(url, str):
        raise Unanswered(f"The provider does not say its {name}")
    return url


async def _asked(http: httpx.AsyncClient, method: str, url: str, **options: Any) -> Json:
    """The JSON object that is answered. Raises `Unauthorized` where it says that the request was wrong."""
    try:
        status, content = await _fetched(http, method, url, **options)
        document = cast("object", json.loads(content))
    except httpx.HTTPError as exc:
        raise Unanswered(f"The provider cannot be reached at {url}: {exc}") from exc
    except ValueError as exc:
        raise Unanswered(f"The provider does not answer with JSON at {url}") from exc
    if not isinstance(document, dict):
        raise Unanswered(f"The provider does not answer with an object at {url}")
    answer = cast("Json", document)
    if status in (400, 401, 403):
        raise Unauthorized(f"The provider refuses: {answer.get('error_description') or answer.get('error')}")
    if status != HTTPStatus.OK:
        raise Unanswered(f"The provider answers {status} at {url}")
    return answer


async def _fetched(http: httpx.AsyncClient, method: str, url: str, **options: Any) -> tuple[int, bytes]:
    async with http.stream(method, url, **options) as answer:
        content = b""
        async for part in answer.aiter_bytes():
            content += part
            if len(content) > MAX_ANSWER_BYTES:
                raise Unanswered(f"The provider says too much at {url}")
        return answer.status_code, content


async def _with_user_info(
    http: httpx.AsyncClient, metadata: Json, tokens: Json, claims: Mapping[str, object]
) -> Mapping[str, object]:
    """The claims, and what the provider says of the same person where one asks it for more."""
    if "userinfo_endpoint" not in metadata or "access_token" not in tokens:
        return claims
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    more = await _asked(http, "GET", _endpoint(metadata, "userinfo_endpoint"), headers=headers)
    if more.get("sub") != claims["sub"]:
        raise Unauthorized("The provider's word is not to be trusted: it speaks of somebody else")
    return {**more, **claims}
