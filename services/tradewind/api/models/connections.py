"""Connections."""

import json

from pydantic import Field, field_validator

from tradewind.api.models.base import ApiModel, StrictBody, TeamName


class ConnectionResponse(ApiModel):
    """A connection; its password and the secrets of its extra are masked."""

    connection_id: str
    conn_type: str
    description: str | None
    host: str | None
    login: str | None
    schema_: str | None = Field(alias="schema")
    port: int | None
    password: str | None
    extra: str | None
    team_name: str | None = None


class ConnectionCollectionResponse(ApiModel):
    """A page of connections."""

    connections: list[ConnectionResponse]
    total_entries: int


class ConnectionBody(StrictBody):
    """A connection to write; `extra` is the text of a JSON object."""

    connection_id: str = Field(max_length=200, pattern=r"^[\w.-]+$")
    conn_type: str
    description: str | None = None
    host: str | None = None
    login: str | None = None
    schema_: str | None = Field(default=None, alias="schema")
    port: int | None = Field(default=None, ge=-(2**31), lt=2**31)
    password: str | None = None
    extra: str | None = None
    team_name: TeamName = None

    @field_validator("extra")
    @classmethod
    def _is_json_object(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not value:
            return "{}"
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError) as exc:
            raise ValueError("extra is not the text of a JSON object") from exc
        if not isinstance(parsed, dict):
            raise ValueError("extra is not the text of a JSON object")
        return value


class ConnectionTestResponse(ApiModel):
    """Whether a connection can be used, and what its hook says."""

    status: bool
    message: str
