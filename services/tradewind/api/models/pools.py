"""Pools."""

from pydantic import Field

from tradewind.api.models.base import ApiModel


class PoolResponse(ApiModel):
    """A pool and how its slots are used."""

    name: str
    slots: int = Field(ge=-1, description="Number of slots; -1 = unlimited.")
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
