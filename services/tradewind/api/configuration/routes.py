"""The two operations. Secrets are hidden whatever is asked, and no command is run for what is not shown."""

import os
from collections.abc import Iterable
from itertools import groupby
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header
from fastapi.responses import PlainTextResponse, Response

from tradewind.api.configuration.models import Config, ConfigOption, ConfigSection
from tradewind.api.dependencies import StateDep
from tradewind.api.errors import Forbidden, NotAcceptable, documented
from tradewind.api.state import ApiState
from tradewind.core.errors import NotFound
from tradewind.service.configuration.listing import Listing, Option

router = APIRouter(prefix="/api/v2/config", tags=["Config"])

JSON, TEXT, ANY = "application/json", "text/plain", "*/*"
HIDDEN: Final = "< hidden >"

Accept = Annotated[str, Header(json_schema_extra={"enum": [JSON, TEXT, ANY]})]
DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    **documented(404, 406),
    200: {"content": {TEXT: {"schema": {"type": "string", "example": "[core]\nparallelism = 32\n"}}}},
}


@router.get("", response_model=Config, responses=DOCUMENTED)
async def get_config(state: StateDep, section: str | None = None, accept: Accept = ANY) -> Response:
    """Every option, or those of a section."""
    kind = _content_type(accept)
    _check_exposed(state)
    options = [option for option in _listing().options(section) if option.section]
    if not options:
        raise NotFound(f"Section {section} not found.")
    sections = [
        ConfigSection(name=name, options=[_shown(option, option.key) for option in group])
        for name, group in groupby(options, key=lambda option: option.section)
    ]
    return _answer(kind, sections)


@router.get("/section/{section}/option/{option}", response_model=Config, responses=DOCUMENTED)
async def get_config_value(section: str, option: str, state: StateDep, accept: Accept = ANY) -> Response:
    """One option, by our name or Airflow's."""
    kind = _content_type(accept)
    _check_exposed(state)
    found = _listing().option(section, option)
    if found is None:
        raise NotFound(f"Option [{section}/{option}] not found.")
    return _answer(kind, [ConfigSection(name=section, options=[_shown(found, option)])])


def _listing() -> Listing:
    return Listing(os.environ, asks_commands=False)


def _check_exposed(state: ApiState) -> None:
    if not state["settings"].api.expose_config:
        raise Forbidden(
            "The configuration is not shown here: whoever runs this system allows it by TRADEWIND__API__EXPOSE_CONFIG"
        )


def _shown(option: Option, key: str) -> ConfigOption:
    return ConfigOption(key=key, value=HIDDEN if option.is_secret else option.text or "")


def _content_type(accept: str) -> str:
    wanted = next((kind for kind in (ANY, JSON, TEXT) if accept.startswith(kind)), None)
    if wanted is None:
        raise NotAcceptable(f"Only {JSON} and {TEXT} are to be had")
    return TEXT if wanted == TEXT else JSON


def _answer(kind: str, sections: Iterable[ConfigSection]) -> Response:
    config = Config(sections=list(sections))
    if kind == TEXT:
        return PlainTextResponse(config.as_text())
    return Response(config.model_dump_json(), media_type=JSON)
