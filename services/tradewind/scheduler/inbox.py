"""What has reached a scheduler and is not decided yet. Whoever hears something puts it here; the decision loop takes
everything at once. A turn that fails puts its work back, so nothing heard is forgotten while the process lives."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tradewind.bus.port import Batch
from tradewind.core.rows import EndedTaskInstance, TaskInstanceId
from tradewind.scheduler.asset_runs.wake_up import AssetWakeUp
from tradewind.scheduler.run_creation.wake_up import WakeUp


@dataclass(slots=True)
class Work:
    """One turn's worth. Dicts keep the order of arrival and each key once."""

    dag_ids: dict[str, None] = field(default_factory=dict[str, None])
    """DAGs that have queued runs to start."""
    start_any: bool = False
    """Start queued runs of whatever DAG: a sweep asks."""
    ends: dict[int, list[EndedTaskInstance]] = field(default_factory=dict[int, list[EndedTaskInstance]])
    """Ends by run."""
    due: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    """Positions whose timers ran out, by run."""
    reload: dict[int, None] = field(default_factory=dict[int, None])
    """Runs to read from the store, whatever memory holds of them."""
    owned: dict[int, None] = field(default_factory=dict[int, None])
    """All runs that the store says are ours: those never heard of are to be read."""
    unpublished: dict[int, None] = field(default_factory=dict[int, None])
    """Runs whose queued attempts may never have been published: adopted ones, and those of a commit whose outcome is
    not known."""
    unclaimed: dict[TaskInstanceId, None] = field(default_factory=dict[TaskInstanceId, None])
    """Queued attempts to publish again."""
    refresh_capacity: bool = False
    """Shared limits may have more room than last seen."""
    past_of: dict[str, None] = field(default_factory=dict[str, None])
    """DAGs of which tasks have ended that later runs may wait for (`depends_on_past`)."""
    any_past: bool = False
    """The same of whatever DAG: a sweep asks."""
    batches: list[Batch] = field(default_factory=list[Batch])
    """Deliveries to settle when all this is done."""

    def take_over(self, earlier: "Work") -> None:
        """Add what an earlier turn could not do."""
        self.dag_ids.update(earlier.dag_ids)
        self.start_any |= earlier.start_any
        for dag_run_id, ends in earlier.ends.items():
            self.ends.setdefault(dag_run_id, []).extend(ends)
        for dag_run_id, positions in earlier.due.items():
            self.due.setdefault(dag_run_id, []).extend(positions)
        self.reload.update(earlier.reload)
        self.owned.update(earlier.owned)
        self.unpublished.update(earlier.unpublished)
        self.unclaimed.update(earlier.unclaimed)
        self.refresh_capacity |= earlier.refresh_capacity
        self.past_of.update(earlier.past_of)
        self.any_past |= earlier.any_past
        self.batches.extend(earlier.batches)


class Inbox:
    """Bounded by the prefetch of the queues and by what one sweep may find."""

    def __init__(self) -> None:
        self._work = Work()
        self._wake = asyncio.Event()
        self.run_creation = WakeUp()
        """What is heard here may let runs be made by time."""
        self.asset_runs = AssetWakeUp()
        """… and by assets."""

    def start(self, dag_ids: Sequence[str], batch: Batch | None = None) -> None:
        """These DAGs have queued runs."""
        self._work.dag_ids.update(dict.fromkeys(dag_ids))
        self.run_creation.runs_changed()
        self.asset_runs.runs_changed(dag_ids)
        self._put(batch)

    def start_any(self) -> None:
        """Some DAG may have queued runs."""
        self._work.start_any = True
        self._put()

    def end(self, ends: Sequence[EndedTaskInstance], batch: Batch | None = None) -> None:
        """These task instances have ended."""
        for end in ends:
            self._work.ends.setdefault(end.id.dag_run_id, []).append(end)
        self._put(batch)

    def reload(self, dag_run_ids: Sequence[int]) -> None:
        """What memory holds of these runs is not to be trusted."""
        self._work.reload.update(dict.fromkeys(dag_run_ids))
        self._put()

    def own(self, dag_run_ids: Sequence[int]) -> None:
        """The store says that these runs are ours."""
        self._work.owned.update(dict.fromkeys(dag_run_ids))
        self._put()

    def adopt(self, dag_run_ids: Sequence[int]) -> None:
        """These runs were another scheduler's."""
        self._work.unpublished.update(dict.fromkeys(dag_run_ids))
        self.reload(dag_run_ids)

    def republish(self, ids: Sequence[TaskInstanceId]) -> None:
        """Nobody claimed these attempts for long."""
        self._work.unclaimed.update(dict.fromkeys(ids))
        self._put()

    def refresh_capacity(self) -> None:
        """Somebody may have freed slots."""
        self._work.refresh_capacity = True
        self._put()

    def past(self, dag_ids: Sequence[str]) -> None:
        """Tasks of these DAGs have ended that later runs may wait for."""
        self._work.past_of.update(dict.fromkeys(dag_ids))
        self._put()

    def any_past(self) -> None:
        """Tasks of any DAG may have."""
        self._work.any_past = True
        self._put()

    def settle(self, batch: Batch) -> None:
        """A batch that brought nothing to decide."""
        self._put(batch)

    def restore(self, work: Work) -> None:
        """A turn failed: its work is to be done by the next."""
        work.take_over(self._work)
        self._work = work
        self._put()

    def take(self) -> Work:
        """Everything that has arrived."""
        work, self._work = self._work, Work()
        self._wake.clear()
        return work

    def wake_up(self) -> None:
        """End a `wait`."""
        self._wake.set()

    async def wait(self, timeout_seconds: float | None) -> None:
        """Until something arrives, or for this long (None: however long)."""
        if timeout_seconds is None:
            await self._wake.wait()
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._wake.wait()

    def _put(self, batch: Batch | None = None) -> None:
        if batch is not None:
            self._work.batches.append(batch)
        self._wake.set()
