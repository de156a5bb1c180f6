"""Variables."""

import json

from pydantic import Field, JsonValue, field_validator

from tradewind.api.models.base import ApiModel, StrictBody


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
    team_name: str | None = Field(default=None, max_length=50)

    @field_validator("value")
    @classmethod
    def _as_text(cls, value: JsonValue) -> str:
        return value if isinstance(value, str) else json.dumps(value, indent=2)

    @field_validator("team_name")
    @classmethod
    def _no_teams(cls, value: str | None) -> str | None:
        if value is not None:
            raise ValueError("there are no teams here: leave team_name out")
        return value
