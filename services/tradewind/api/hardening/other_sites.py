"""Which other sites' pages may call the API from browsers: none, unless `[api] access_control_*` names them."""

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from tradewind.core.errors import ConfigError
from tradewind.service.settings import ApiSettings


def let_in_other_sites(app: FastAPI, settings: ApiSettings) -> None:
    """Answer browsers that ask whether a page may call us. Raises `ConfigError` for the origin `*`."""
    origins = _listed(settings.access_control_allow_origins)
    if "*" in origins:
        raise ConfigError(
            "TRADEWIND__API__ACCESS_CONTROL_ALLOW_ORIGINS must not be '*': every page that a user visits could then "
            "act as that user. Name the sites, as in https://portal.example.org"
        )
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_credentials=True,
            allow_methods=_listed(settings.access_control_allow_methods) or ["GET"],
            allow_headers=_listed(settings.access_control_allow_headers),
            max_age=600,
        )


def _listed(text: str) -> Sequence[str]:
    """Commas or blanks separate."""
    return text.replace(",", " ").split()
