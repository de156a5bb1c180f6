"""What task processes send and are sent."""

from typing import Annotated

from pydantic import AliasChoices, Field

from tradewind.api.models.base import ApiModel, StrictBody


class VariableResponse(ApiModel):
    """A variable with its value."""

    key: str
    value: str | None


class VariableKeysResponse(ApiModel):
    """Some keys of variables, in order."""

    keys: list[str]


class VariableBody(StrictBody):
    """A variable to store."""

    value: str | None = Field(validation_alias=AliasChoices("value", "val"))
    description: str | None = None


class ConnectionResponse(ApiModel):
    """A connection with its secrets."""

    conn_id: str
    conn_type: str
    host: str | None
    schema_: str | None = Field(alias="schema")
    login: str | None
    password: str | None
    port: int | None
    extra: str | None


class StoredVariableResponse(VariableResponse):
    """A variable as a DAG file reads it."""

    fingerprint: str
    """Another one with every write."""


class StoredConnectionResponse(ConnectionResponse):
    """A connection as a DAG file reads it."""

    fingerprint: str
    """Another one with every write."""


class BundleBlobsBody(StrictBody):
    """Which files of a bundle a worker lacks."""

    digests: list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]] = Field(min_length=1, max_length=5_000)
