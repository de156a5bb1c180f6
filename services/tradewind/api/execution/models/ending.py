"""A task process ends, or its task goes on later."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, JsonValue, Tag

from tradewind.api.execution.models.moments import Moment
from tradewind.api.models.base import StrictBody

Kwargs = Annotated[dict[str, JsonValue], Field(default_factory=dict[str, JsonValue])]


class AssetProfile(StrictBody):
    """An outlet."""

    name: str | None = None
    uri: str | None = None
    type: str
    """`Asset`, `AssetNameRef`, `AssetUriRef` or `AssetAlias`."""


class AssetKey(BaseModel):
    """What names an asset."""

    name: str
    uri: str


class OutletEvent(BaseModel):
    """What the task said of an outlet."""

    dest_asset_key: AssetKey
    extra: dict[str, Any] = Field(default_factory=dict[str, Any])
    partition_key: str | None = None
    source_alias_name: str | None = None
    dest_asset_extra: dict[str, Any] = Field(default_factory=dict[str, Any])


class EndedBody(StrictBody):
    """It ended, not by success."""

    state: Literal["failed", "skipped", "removed", "upstream_failed"]
    end_date: Moment
    rendered_map_index: str | None = None


class SucceededBody(StrictBody):
    """It succeeded."""

    state: Literal["success"]
    end_date: Moment
    task_outlets: Annotated[list[AssetProfile], Field(default_factory=list[AssetProfile])]
    outlet_events: Annotated[list[OutletEvent], Field(default_factory=list[OutletEvent])]
    rendered_map_index: str | None = None


class RetriedBody(StrictBody):
    """It failed, and another try is wanted."""

    state: Literal["up_for_retry"]
    end_date: Moment
    rendered_map_index: str | None = None
    retry_delay_seconds: Annotated[float | None, Field(ge=0, le=2**31)] = None
    retry_reason: str | None = None


class DeferredBody(StrictBody):
    """It waits for a trigger."""

    state: Literal["deferred"]
    classpath: Annotated[str, Field(min_length=1)]
    trigger_kwargs: Annotated[dict[str, JsonValue] | str, Field(default_factory=dict[str, JsonValue])]
    trigger_timeout: timedelta | None = None
    queue: str | None = None
    next_method: str
    next_kwargs: Kwargs
    rendered_map_index: str | None = None


class AwaitingInputBody(StrictBody):
    """It waits for a person."""

    state: Literal["awaiting_input"]
    timeout: timedelta | None = None
    next_method: str
    next_kwargs: Kwargs
    rendered_map_index: str | None = None


class RescheduledBody(StrictBody):
    """It looks again later."""

    state: Literal["up_for_reschedule"]
    reschedule_date: Moment
    end_date: Moment


ENDED = ("failed", "skipped", "removed", "upstream_failed")


def _kind(body: object) -> str | None:
    state: Any = body.get("state") if isinstance(body, dict) else getattr(body, "state", None)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON
    return "ended" if state in ENDED else state if isinstance(state, str) else None


StateBody = Annotated[
    Annotated[EndedBody, Tag("ended")]
    | Annotated[SucceededBody, Tag("success")]
    | Annotated[RetriedBody, Tag("up_for_retry")]
    | Annotated[DeferredBody, Tag("deferred")]
    | Annotated[AwaitingInputBody, Tag("awaiting_input")]
    | Annotated[RescheduledBody, Tag("up_for_reschedule")],
    Discriminator(_kind),
]


class SkippedBody(StrictBody):
    """Tasks that are not to run: by task id, or by task id and map index."""

    tasks: list[str | tuple[str, Annotated[int, Field(ge=-1, lt=2**31)]]]
