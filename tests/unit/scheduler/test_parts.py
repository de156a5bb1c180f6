"""The small parts of the scheduler, each by itself."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from prometheus_client import CollectorRegistry

from tests.dag_specs import NOW, dag, row, snapshot, task
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.bus.port import Queue
from tradewind.core.batches import RunChanges, run_changes
from tradewind.core.decide import decide_loaded
from tradewind.core.rows import Capacity, EndedTaskInstance, PoolCapacity, TaskInstanceId
from tradewind.core.states import TaskInstanceState
from tradewind.scheduler.dispatch import DispatchOutbox, DispatchTelemetry, queued_task_instance
from tradewind.scheduler.inbox import Inbox
from tradewind.scheduler.run_cache import ByteLru
from tradewind.scheduler.slots_freed import freed_pools
from tradewind.scheduler.timers import Timers
from tradewind.service.metrics import Telemetry
from tradewind.wire.codec import decode
from tradewind.wire.messages import DispatchBatch, QueuedTaskInstance
from tradewind.wire.queues import DISPATCH


class Sized:
    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes


def test_timers_give_what_is_due_in_order_and_once() -> None:
    timers = Timers()
    for position, seconds in enumerate((5, 1, 3, 60)):
        timers.set(1, position, NOW + timedelta(seconds=seconds))
    assert timers.seconds_to_next(NOW) == 1
    assert timers.take_due(NOW + timedelta(seconds=5)) == {1: [1, 2, 0]}
    assert timers.take_due(NOW + timedelta(seconds=5)) == {}
    assert len(timers) == 1


def test_a_timer_that_is_set_anew_replaces_the_old_one() -> None:
    timers = Timers()
    for seconds in (10, 10, 20):
        timers.set(1, 0, NOW + timedelta(seconds=seconds))
    assert timers.take_due(NOW + timedelta(seconds=15)) == {}
    assert timers.take_due(NOW + timedelta(seconds=20)) == {1: [0]}
    assert timers.seconds_to_next(NOW) is None


def test_cache_drops_what_was_used_longest_ago_but_never_the_last_used() -> None:
    cache: ByteLru[str, Sized] = ByteLru(100)
    for key in "abc":
        cache.put(key, Sized(40))
    cache.get("a")
    assert cache.shrink() == ["b"]
    assert list(cache) == ["c", "a"]
    cache.put("huge", Sized(1_000))
    assert cache.shrink() == ["c", "a"]
    assert cache.size_bytes == 1_000


def test_cache_counts_a_replaced_value_once() -> None:
    cache: ByteLru[str, Sized] = ByteLru(100)
    cache.put("a", Sized(40))
    cache.put("a", Sized(30))
    assert (len(cache), cache.size_bytes) == (1, 30)


async def test_work_that_was_put_back_comes_before_what_arrived_meanwhile() -> None:
    inbox = Inbox()
    ends = [
        EndedTaskInstance(id=TaskInstanceId(1, name), owner=None, attempt_id=None, state=TaskInstanceState.SUCCESS)
        for name in ("first", "second")
    ]
    inbox.end(ends[:1])
    inbox.start(["a"])
    failed = inbox.take()
    inbox.end(ends[1:])
    inbox.reload([7])
    inbox.restore(failed)
    work = inbox.take()
    assert work.ends == {1: ends}
    assert list(work.dag_ids) == ["a"]
    assert list(work.reload) == [7]
    assert not inbox.take().ends


def an_item(number: int) -> QueuedTaskInstance:
    attempt_id = UUID(int=number)
    queued = row("t", state=TaskInstanceState.QUEUED, try_number=1, attempt_id=attempt_id, held_slots=1)
    item = queued_task_instance(snapshot(dag(task("t")), [queued]), 0)
    assert item is not None
    return item


def test_only_queued_attempts_become_messages() -> None:
    running = row("t", state=TaskInstanceState.RUNNING, try_number=1, attempt_id=UUID(int=1))
    assert queued_task_instance(snapshot(dag(task("t")), [running]), 0) is None
    assert queued_task_instance(snapshot(dag(task("t"))), 0) is None


def an_outbox(bus: MemoryBus, registry: CollectorRegistry) -> DispatchOutbox:
    return DispatchOutbox(
        bus=bus,
        batch_items=3,
        max_items=8,
        jitter=lambda: 0.0,
        telemetry=DispatchTelemetry(Telemetry(registry, service="scheduler")),
    )


async def test_outbox_publishes_in_batches_and_keeps_what_the_bus_refuses() -> None:
    bus, registry = MemoryBus(MemoryBroker()), CollectorRegistry()
    outbox = an_outbox(bus, registry)
    outbox.add([an_item(number) for number in range(1, 8)])
    assert not await outbox.run_once(), "there is no dispatcher's queue yet"
    async with bus.consume(Queue(name=DISPATCH), prefetch=10, max_batch=10) as batches:
        assert await outbox.run_once()
        batch = await anext(batches)
        sent = [decode(delivery.message.body, DispatchBatch).items for delivery in batch.deliveries]
        await batch.ack()
    assert [len(items) for items in sent] == [3, 3, 1]
    assert [item.attempt_id.int for items in sent for item in items] == list(range(1, 8))
    assert registry.get_sample_value("tradewind_scheduler_published_total") == 7


async def test_a_full_outbox_leaves_the_oldest_to_the_sweep() -> None:
    registry = CollectorRegistry()
    outbox = an_outbox(MemoryBus(MemoryBroker()), registry)
    outbox.add([an_item(number) for number in range(1, 12)])
    assert registry.get_sample_value("tradewind_scheduler_outbox_overflow_total") == 3


def ended_in(pool: str, slots: int) -> Sequence[RunChanges]:
    spec = dag(task("t", pool=pool, pool_slots=slots))
    pending = row("t", state=TaskInstanceState.SUCCESS, held_slots=slots, end_pending=True)
    loaded = snapshot(spec, [pending])
    return [run_changes(loaded, decide_loaded(loaded, NOW), {})]


def test_others_are_told_of_freed_slots_only_where_they_may_have_been_short() -> None:
    def capacity(slots: int, used: int) -> Capacity:
        return Capacity(pools=(PoolCapacity(pool="p", slots=slots, used=used),), parallelism=0, parallelism_used=0)

    assert freed_pools(ended_in("p", 2), capacity(10, 8)) == ("p",)
    assert freed_pools(ended_in("p", 2), capacity(100, 8)) == ()
    assert freed_pools(ended_in("p", 2), capacity(-1, 8)) == ()
    assert freed_pools(ended_in("q", 2), capacity(10, 8)) == ()
