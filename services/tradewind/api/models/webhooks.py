"""Webhooks."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from tradewind.api.models.base import ApiModel, StrictBody

MAX_OVERLAP_SECONDS = 30 * 24 * 3600
Secret = Annotated[str, Field(min_length=16, max_length=512, pattern=r"^[\x20-\x7e]+$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,250}$")]
Texts = Annotated[dict[str, Annotated[str, Field(max_length=500)]], Field(max_length=100)]
Events = Annotated[list[Annotated[str, Field(min_length=1, max_length=250)]], Field(max_length=100)]


class WebhookBody(StrictBody):
    """A webhook to make."""

    name: Name
    dag_id: str
    description: Annotated[str, Field(max_length=1000)] | None = None
    format: Literal["tradewind", "github"] = "tradewind"
    """How deliveries are signed."""
    conf_map: Texts | None = None
    """Key of the run's conf → path in the payload (`head_commit.id`, `commits.0.id`; empty: all of it). Left out, the
    conf is `{"payload": …}`, with `event` if the delivery names one."""
    events: Events | None = None
    """Only deliveries of these events trigger; left out, all do."""
    secret: Secret | None = None
    """Left out, one is made up."""


class RotateBody(StrictBody):
    """How a webhook gets another secret."""

    secret: Secret | None = None
    """Left out, one is made up."""
    previous_secret_valid_seconds: Annotated[int, Field(ge=0, le=MAX_OVERLAP_SECONDS)] = 24 * 3600
    """So long the secret that it had counts, too; 0: no longer."""


class WebhookResponse(ApiModel):
    """A webhook. Its secret is not to be had."""

    name: str
    dag_id: str
    description: str | None
    format: Literal["tradewind", "github"]
    conf_map: dict[str, str] | None
    events: list[str] | None
    created_by: str
    created_at: datetime
    rotated_at: datetime | None
    previous_ends_at: datetime | None
    """Until when the secret counts that it had before."""
    path: str
    """Where deliveries go."""


class WebhookSecretResponse(WebhookResponse):
    """A webhook with its secret, which is shown only now."""

    secret: str


class WebhookCollectionResponse(ApiModel):
    """A page of webhooks."""

    webhooks: list[WebhookResponse]
    total_entries: int


class DeliveryResponse(ApiModel):
    """What became of a delivery."""

    outcome: Literal["triggered", "replayed", "ignored"]
    """`replayed`: this delivery was had before, and made that run; `ignored`: of an event that triggers nothing."""
    dag_id: str
    dag_run_id: str | None
