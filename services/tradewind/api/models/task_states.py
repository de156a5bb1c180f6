"""What task instances keep."""

import json
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, JsonValue

from tradewind.api.models.base import ApiModel, StrictBody

MAX_VALUE_BYTES: Final = 65_535


def _checked(value: JsonValue) -> JsonValue:
    if value is None:
        raise ValueError("the value must not be null")
    if len(json.dumps(value, allow_nan=False)) > MAX_VALUE_BYTES:
        raise ValueError(f"the value must not be longer than {MAX_VALUE_BYTES} bytes")
    return value


KeptValue = Annotated[JsonValue, AfterValidator(_checked)]


class TaskStateStoreBody(StrictBody):
    """A value to keep: until then, for as long as the task instance exists (null), or for the usual time."""

    value: KeptValue
    expires_at: AwareDatetime | Literal["default"] | None = "default"


class TaskStateStorePatchBody(StrictBody):
    """Another value."""

    value: KeptValue


class TaskStateStoreResponse(ApiModel):
    """A kept value."""

    key: str
    value: JsonValue
    updated_at: datetime
    expires_at: datetime | None = None


class TaskStateStoreCollectionResponse(ApiModel):
    """A page of kept values."""

    task_state_store: list[TaskStateStoreResponse]
    total_entries: int
