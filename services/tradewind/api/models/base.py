"""Bases of the API's models, and the values that several of them share."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

DagRunStateName = Literal["queued", "running", "success", "failed"]
DagRunTypeName = Literal[
    "backfill", "scheduled", "manual", "operator_triggered", "asset_triggered", "asset_materialization"
]
TriggeredByName = Literal["cli", "operator", "rest_api", "ui", "test", "timetable", "asset", "backfill"]
TaskInstanceStateName = Literal[
    "removed",
    "scheduled",
    "queued",
    "running",
    "success",
    "restarting",
    "failed",
    "up_for_retry",
    "up_for_reschedule",
    "upstream_failed",
    "skipped",
    "deferred",
    "awaiting_input",
]


class ApiModel(BaseModel):
    """Base of what the API answers."""

    model_config = ConfigDict(populate_by_name=True)


class StrictBody(BaseModel):
    """Base of what the API is sent: a field that it does not know is refused."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid")


def _no_team(value: str | None) -> None:
    if value is not None:
        raise ValueError("there are no teams here: leave team_name out")


TeamName = Annotated[str | None, Field(max_length=50), AfterValidator(_no_team)]
"""Known to clients; only null is taken."""


class HTTPExceptionResponse(ApiModel):
    """Body of every error except a malformed request: one line, or an object with `reason` and `message`."""

    detail: str | dict[str, object]


class ValidationError(ApiModel):
    """One thing that is wrong with a request: where, what, and what was given."""

    loc: list[str | int]
    msg: str
    type: str
    input: object = None
    ctx: dict[str, object] = Field(default_factory=dict[str, object])


class HTTPValidationError(ApiModel):
    """Body of the error that a malformed request is answered with."""

    detail: list[ValidationError]
