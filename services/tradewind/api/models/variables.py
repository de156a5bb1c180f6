"""Variables."""

import json

from pydantic import Field, JsonValue, field_validator

from tradewind.api.models.base import ApiModel, StrictBody, TeamName


class VariableResponse(ApiModel):
    """A variable; values of keys that look like secrets are masked."""

    key: str
    value: str | None
    description: str | None
    is_encrypted: bool
    team_name: str | None = None


class VariableCollectionResponse(ApiModel):
    """A page of variables."""

    variables: list[VariableResponse]
    total_entries: int


class VariableBody(StrictBody):
    """A variable to write; a value that is not text is stored as its JSON."""

    key: str = Field(max_length=250)
    value: JsonValue
    description: str | None = None
    team_name: TeamName = None

    @field_validator("value")
    @classmethod
    def _as_text(cls, value: JsonValue) -> str:
        return value if isinstance(value, str) else json.dumps(value, indent=2)
