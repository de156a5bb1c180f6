"""Settings of the scheduler."""

from typing import Annotated

from msgspec import Meta, Struct

from tradewind.service.settings import ServiceSettings


class SchedulerLimits(Struct, frozen=True):
    """How much one scheduler takes on, and how often it looks for what events missed: `TRADEWIND__SCHEDULER__…`."""

    prefetch: Annotated[int, Meta(ge=1)] = 1000
    """Messages taken from a queue and not yet decided upon: a batch is whatever arrived during the last transaction."""
    runs_per_batch: Annotated[int, Meta(ge=1)] = 100
    """DAG runs started or adopted in one transaction; the rest follow at once in the next."""
    commit_attempts: Annotated[int, Meta(ge=1)] = 4
    """How often a batch is decided again when other schedulers or people were faster; then it waits for the sweep."""
    dispatch_batch_items: Annotated[int, Meta(ge=1)] = 200
    """Attempts in one message to a dispatcher: few enough that several dispatchers share a wide fan-out."""
    outbox_items: Annotated[int, Meta(ge=1)] = 50_000
    """Attempts kept for publishing while the bus is away; what does not fit is left to the sweep."""
    snapshot_cache_bytes: Annotated[int, Meta(ge=1)] = 256 * 1024 * 1024
    """Memory for runs; those not heard of for longest are dropped and read again when needed."""
    plan_cache_bytes: Annotated[int, Meta(ge=1)] = 64 * 1024 * 1024
    """Memory for DAG versions."""
    sweep_interval_seconds: Annotated[float, Meta(gt=0)] = 2.0
    """How long at most something stays unseen whose event was lost."""
    pending_after_seconds: Annotated[float, Meta(gt=0)] = 2.0
    """An end this old that nobody decided upon was missed by its event."""
    republish_after_seconds: Annotated[float, Meta(gt=0)] = 60.0
    """A queued attempt that nobody claimed for this long is published again; the time doubles with each publication."""
    republish_after_loss_seconds: Annotated[float, Meta(gt=0)] = 1.0
    """The same, for one sweep after the bus was away: its queues may have been lost."""
    unclaimed_per_sweep: Annotated[int, Meta(ge=1)] = 1000
    """Attempts published again in one sweep."""
    use_job_schedule: bool = True
    """False = no runs are made by time; those that people, tasks and assets ask for still are."""
    dags_per_batch: Annotated[int, Meta(ge=1)] = 100
    """DAGs whose due runs are made in one transaction."""
    runs_per_dag: Annotated[int, Meta(ge=1)] = 16
    """Runs of one DAG made in one transaction: a DAG that catches up for years does not hold up the others."""
    recount_interval_seconds: Annotated[float, Meta(gt=0)] = 60.0
    """How often slots in use are counted afresh."""


class SchedulerSettings(ServiceSettings, frozen=True):
    """What the scheduler reads from the environment."""

    scheduler: SchedulerLimits = SchedulerLimits()
