"""Settings of the collector."""

from pydantic import BaseModel, Field

from tradewind.service.settings import ServiceSettings


class CollectorLimits(BaseModel):
    """How much one collector takes on at once: `TRADEWIND__COLLECTOR__…`."""

    prefetch: int = Field(default=1000, ge=1)
    """Requests taken from a queue and not yet answered. Enough that a batch is whatever arrived during the last
    transaction; few enough that other collectors get their share of a backlog."""
    max_batch: int = Field(default=500, ge=1)
    """Requests in one transaction. A request may hold several claims or ends; transactions of some hundred rows are
    as fast per row as larger ones, and hold their locks for milliseconds."""
    lease_tick_seconds: float = Field(default=0.9, gt=0, le=1)
    """How often the lease clock is advanced. Under 1 s, because a tick never adds more; seldom, because it is a
    commit, and the main cost of an idle collector."""


class CollectorSettings(ServiceSettings):
    """What the collector reads from the environment."""

    collector: CollectorLimits = CollectorLimits()
