"""Task logs."""

from datetime import datetime

from pydantic import ConfigDict

from tradewind.api.models.base import ApiModel


class StructuredLogMessage(ApiModel):
    """One record: `event`, `timestamp` if it has one, and whatever else was logged with it."""

    model_config = ConfigDict(extra="allow")

    timestamp: datetime | None = None
    event: str


class ExternalLogUrlResponse(ApiModel):
    """Where another system shows the log of a try."""

    url: str


class TaskInstancesLogResponse(ApiModel):
    """Records, and a token that fetches what comes after them (null: the log is complete)."""

    content: list[StructuredLogMessage] | list[str]
    continuation_token: str | None
