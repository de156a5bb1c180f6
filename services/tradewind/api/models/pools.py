"""Pools."""

from typing import Annotated

from pydantic import Field, field_validator

from tradewind.api.models.base import ApiModel, StrictBody, TeamName

Slots = Annotated[int, Field(ge=-1, lt=2**31, description="Number of slots; -1 = unlimited.")]


class PoolResponse(ApiModel):
    """A pool and how its slots are used."""

    name: str
    slots: Slots
    description: str | None = None
    include_deferred: bool
    occupied_slots: int
    running_slots: int
    queued_slots: int
    scheduled_slots: int
    open_slots: int
    deferred_slots: int
    team_name: str | None = None


class PoolCollectionResponse(ApiModel):
    """A page of pools."""

    pools: list[PoolResponse]
    total_entries: int


class PoolBody(StrictBody):
    """A pool to write."""

    name: str = Field(min_length=1, max_length=256)
    slots: Slots
    description: str | None = None
    include_deferred: bool = False
    team_name: TeamName = None


class PoolPatchBody(StrictBody):
    """What is to change of a pool; `pool` may repeat its name."""

    pool: str | None = None
    slots: Slots | None = None
    description: str | None = None
    include_deferred: bool | None = None
    team_name: TeamName = None

    @field_validator("slots", "include_deferred")
    @classmethod
    def _has_a_value(cls, value: int | None) -> int:
        if value is None:
            raise ValueError("leave it out to let it be; it cannot be null")
        return value
