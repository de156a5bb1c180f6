"""Settings of the collector."""

from typing import Annotated

from msgspec import Meta, Struct

from tradewind.service.settings import ServiceSettings


class CollectorLimits(Struct, frozen=True):
    """How much one collector takes on at once: `TRADEWIND__COLLECTOR__…`."""

    prefetch: Annotated[int, Meta(ge=1)] = 1000
    """Requests taken from a queue and not yet answered. Enough that a batch is whatever arrived during the last
    transaction; few enough that other collectors get their share of a backlog."""
    max_batch: Annotated[int, Meta(ge=1)] = 500
    """Requests in one transaction. A request may hold several claims or ends; transactions of some hundred rows are
    as fast per row as larger ones, and hold their locks for milliseconds."""
    lease_tick_seconds: Annotated[float, Meta(gt=0, le=1)] = 0.9
    """How often the lease clock is advanced. Under 1 s, because a tick never adds more; seldom, because it is a
    commit, and the main cost of an idle collector."""


class CollectorSettings(ServiceSettings, frozen=True):
    """What the collector reads from the environment."""

    collector: CollectorLimits = CollectorLimits()
