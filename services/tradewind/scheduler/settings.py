"""Settings of the scheduler."""

from pydantic import BaseModel, Field

from tradewind.service.settings import ServiceSettings


class SchedulerLimits(BaseModel):
    """How much one scheduler takes on, and how often it looks for what events missed: `TRADEWIND__SCHEDULER__…`."""

    prefetch: int = Field(default=1000, ge=1)
    """Messages taken from a queue and not yet decided upon: a batch is whatever arrived during the last transaction."""
    runs_per_batch: int = Field(default=100, ge=1)
    """DAG runs started or adopted in one transaction; the rest follow at once in the next."""
    commit_attempts: int = Field(default=4, ge=1)
    """How often a batch is decided again when other schedulers or people were faster; then it waits for the sweep."""
    dispatch_batch_items: int = Field(default=200, ge=1)
    """Attempts in one message to a dispatcher: few enough that several dispatchers share a wide fan-out."""
    outbox_items: int = Field(default=50_000, ge=1)
    """Attempts kept for publishing while the bus is away; what does not fit is left to the sweep."""
    snapshot_cache_bytes: int = Field(default=256 * 1024 * 1024, ge=1)
    """Memory for runs; those not heard of for longest are dropped and read again when needed."""
    plan_cache_bytes: int = Field(default=64 * 1024 * 1024, ge=1)
    """Memory for DAG versions."""
    sweep_interval_seconds: float = Field(default=2.0, gt=0)
    """How long at most something stays unseen whose event was lost."""
    pending_after_seconds: float = Field(default=2.0, gt=0)
    """An end this old that nobody decided upon was missed by its event."""
    republish_after_seconds: float = Field(default=60.0, gt=0)
    """A queued attempt that nobody claimed for this long is published again; the time doubles with each publication."""
    republish_after_loss_seconds: float = Field(default=1.0, gt=0)
    """The same, for one sweep after the bus was away: its queues may have been lost."""
    unclaimed_per_sweep: int = Field(default=1000, ge=1)
    """Attempts published again in one sweep."""
    use_job_schedule: bool = True
    """False = no runs are made by time; those that people, tasks and assets ask for still are."""
    dags_per_batch: int = Field(default=100, ge=1)
    """DAGs whose due runs are made in one transaction."""
    runs_per_dag: int = Field(default=16, ge=1)
    """Runs of one DAG made in one transaction: a DAG that catches up for years does not hold up the others."""
    recount_interval_seconds: float = Field(default=60.0, gt=0)
    """How often slots in use are counted afresh."""


class SchedulerSettings(ServiceSettings):
    """What the scheduler reads from the environment."""

    scheduler: SchedulerLimits = SchedulerLimits()
