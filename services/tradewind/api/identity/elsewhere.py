"""Whether people sign in elsewhere, and where."""

from typing import TYPE_CHECKING

from tradewind.api.settings import OidcSettings
from tradewind.core.clock import Clock
from tradewind.core.errors import ConfigError

if TYPE_CHECKING:
    from tradewind.api.identity.oidc.provider import OidcProvider


def oidc_provider(settings: OidcSettings, clock: Clock) -> "OidcProvider | None":
    """None: nowhere. Raises `ConfigError`."""
    if not settings.issuer:
        return None
    try:
        # Imported here: with what it needs it takes memory that only a deployment with a provider should pay for.
        from tradewind.api.identity.oidc.provider import OidcProvider
    except ModuleNotFoundError as exc:
        raise ConfigError(
            f"TRADEWIND__OIDC__ISSUER needs `pip install tradewind[oidc]` ({exc.name} is missing)"
        ) from exc
    return OidcProvider(settings, clock)
