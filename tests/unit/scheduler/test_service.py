"""The scheduler's real loops against the in-memory store and bus, in virtual time."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from tests.dag_specs import dag, task
from tests.unit.scheduler.world import FAILURE, SUCCESS, FlakyStore, Scheduler, World, in_world, never, now_and_then
from tradewind.bus.memory import DeliverPolicy, deliver_at_once
from tradewind.bus.port import Message, Queue
from tradewind.core.rows import Capacity
from tradewind.core.spec import DagSpec, TriggerRule
from tradewind.core.states import DagRunState, EndCause, Outcome, TaskInstanceState
from tradewind.db.memory.store import MemoryStore
from tradewind.wire.codec import encode
from tradewind.wire.messages import DagRunsRevised, DagsChanged
from tradewind.wire.queues import DEAD_LETTER, DISPATCH, EVENTS, RUNS

FINDS = ("expired_schedulers", "adopted_runs", "pending_runs", "lost_attempts", "unclaimed", "slot_drift")
SLOW = (Outcome.SUCCESS, EndCause.NONE, 5.0)


def fan_out(width: int, **fields: Any) -> DagSpec:
    middle = [task(f"t{number:03}", "root") for number in range(width)]
    return dag(task("root"), *middle, task("join", *(each.task_id for each in middle)), **fields)


def chain(length: int) -> DagSpec:
    return dag(*(task(f"t{n:02}", *([f"t{n - 1:02}"] if n else [])) for n in range(length)))


def lose_all_to(lost: str) -> DeliverPolicy:
    return delays_of(lambda queue: () if queue == lost else (0.0,))


def delay_all_to(delayed: str, seconds: float) -> DeliverPolicy:
    return delays_of(lambda queue: (seconds,) if queue == delayed else (0.0,))


def double_and_delay(random: Random) -> DeliverPolicy:
    return delays_of(lambda _: tuple(random.choice((0.0, 0.1, 3.0)) for _ in range(random.randint(1, 3))))


def delays_of(delays: Callable[[str], Sequence[float]]) -> DeliverPolicy:
    def deliver(queue: str, message: Message) -> Sequence[float]:
        return delays(queue)

    return deliver


def assert_sweep_found_nothing(scheduler: Scheduler) -> None:
    assert [(thing, scheduler.found(thing)) for thing in FINDS] == [(thing, 0.0) for thing in FINDS]
    assert scheduler.metric("missed_runs_total") == 0.0


@pytest.mark.parametrize(
    "spec", [chain(20), fan_out(40), dag(), dag(task("only"))], ids=["chain", "fan-out", "empty", "one"]
)
def test_a_run_goes_to_its_end_on_events_alone(spec: DagSpec) -> None:
    async def scenario(world: World) -> None:
        scheduler = world.start_scheduler()
        await world.add_dag(spec)
        await world.until_listening()
        started = world.seconds()
        run = await world.trigger("dag")
        await world.until_ended(timeout=10)
        assert world.run_state(run) is DagRunState.SUCCESS
        assert [task_id for task_id, _ in world.executed] == sorted(
            [each.task_id for each in spec.tasks], key=[item.ti.key.task_id for item in world.dispatched].index
        )
        assert world.seconds() - started < 0.5
        assert world.slots_used() == (0, 0)
        assert_sweep_found_nothing(scheduler)

    in_world(scenario)


def test_tasks_are_dispatched_as_airflow_names_them() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler()
        await world.add_dag(dag(task("t", queue="big", priority_weight=7, pool_slots=2, executor="LocalExecutor")))
        await world.trigger("dag", "manual__1")
        await world.until_ended()
        (item,) = world.dispatched
        options = ("--map-index", "-1", "--attempt-id", str(item.attempt_id))
        assert item.ti.command == ("tradewind", "tasks", "run", "dag", "t", "manual__1", *options)
        assert (item.ti.queue, item.ti.task, item.executor) == ("big", "tradewind.execute_command", "LocalExecutor")
        assert (item.priority, item.pool_slots, item.relative_fileloc) == (7, 2, "dag.py")
        assert (item.ti.key.try_number, item.ti.key.map_index) == (1, -1)

    in_world(scenario)


@pytest.mark.parametrize("limit", ["max_active_tasks", "pool", "parallelism"])
def test_limits_hold_and_are_used_to_the_full(limit: str) -> None:
    async def scenario(world: World) -> None:
        scheduler = world.start_scheduler()
        await world.add_dag(fan_out(20, max_active_tasks=3 if limit == "max_active_tasks" else 100))
        if limit == "pool":
            await world.store.set_pool("default_pool", 3)
        if limit == "parallelism":
            await world.store.set_parallelism(3)
        await world.until_listening()
        run = await world.trigger("dag")
        await world.until_ended(timeout=1)
        assert world.run_state(run) is DagRunState.SUCCESS
        assert world.running_max == 3
        assert len(world.times(run, "t019", TaskInstanceState.SCHEDULED)) == 1
        assert_sweep_found_nothing(scheduler)

    in_world(scenario)


def test_a_retry_begins_when_it_is_due() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler()
        world.endings["t"] = [FAILURE, FAILURE, SUCCESS]
        await world.add_dag(dag(task("t", retries=2, retry_delay_seconds=300.0)))
        run = await world.trigger("dag")
        await world.until_ended()
        assert world.executed == [("t", 1), ("t", 2), ("t", 3)]
        failed = world.times(run, "t", TaskInstanceState.UP_FOR_RETRY)
        queued = world.times(run, "t", TaskInstanceState.QUEUED)
        for failed_at, queued_at in zip(failed, queued[1:], strict=True):
            assert timedelta(0) <= queued_at - failed_at - timedelta(seconds=300) < timedelta(milliseconds=10)

    in_world(scenario)


def test_a_spent_retry_fails_what_is_downstream_and_the_run() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler()
        world.endings["a"] = [FAILURE, FAILURE]
        await world.add_dag(
            dag(
                task("a", retries=1, retry_delay_seconds=1.0),
                task("b", "a"),
                task("c", "b"),
                task("d", "a", trigger_rule=TriggerRule.ALL_FAILED),
            )
        )
        run = await world.trigger("dag")
        await world.until_ended()
        assert world.run_state(run) is DagRunState.FAILED
        states = {"a": "failed", "b": "upstream_failed", "c": "upstream_failed", "d": "success"}
        assert world.states(run) == states

    in_world(scenario)


def test_empty_tasks_are_ended_without_a_worker() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler()
        await world.add_dag(dag(task("a", is_empty=True), task("b", "a", is_empty=True), task("c", "b")))
        run = await world.trigger("dag")
        await world.until_ended()
        assert world.executed == [("c", 1)]
        assert world.states(run) == {"a": "success", "b": "success", "c": "success"}

    in_world(scenario)


def test_an_attempt_that_never_started_comes_back_under_the_same_try() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler()
        world.endings["t"] = [(Outcome.FAILED, EndCause.NOT_STARTED, 0.0)] * 3
        await world.add_dag(dag(task("t")))
        run = await world.trigger("dag")
        await world.until_ended()
        assert world.executed == [("t", 1)] * 4
        assert world.run_state(run) is DagRunState.SUCCESS
        assert len(dict.fromkeys(item.attempt_id for item in world.dispatched)) == 4

    in_world(scenario)


def test_runs_beyond_max_active_runs_start_as_soon_as_one_ends() -> None:
    async def scenario(world: World) -> None:
        scheduler = world.start_scheduler()
        world.endings["t"] = [SLOW] * 3
        await world.add_dag(dag(task("t"), max_active_runs=1))
        await world.until_listening()
        for number in range(3):
            await world.trigger("dag", f"run{number}")
        await world.until_ended(timeout=16)
        assert world.running_max == 1
        assert scheduler.metric("missed_runs_total") == 0.0

    in_world(scenario)


@pytest.mark.parametrize(
    ("prefix", "thing", "within_seconds"),
    [("tradewind.scheduler.", "pending_runs", 30), (DISPATCH, "unclaimed", 600)],
)
def test_the_sweep_makes_good_for_lost_messages(prefix: str, thing: str, within_seconds: float) -> None:
    async def scenario(world: World) -> None:
        scheduler = world.start_scheduler()
        lost: list[str] = []

        def lose_three(queue: str, message: Message) -> tuple[float, ...]:
            if queue.startswith(prefix) and len(lost) < 3:
                lost.append(queue)
                return ()
            return (0.0,)

        world.broker.deliver = lose_three
        await world.add_dag(chain(3))
        run = await world.trigger("dag")
        await world.until_ended(timeout=within_seconds)
        assert world.run_state(run) is DagRunState.SUCCESS
        assert scheduler.found(thing) >= 1

    in_world(scenario)


def test_the_sweep_starts_runs_whose_message_was_lost() -> None:
    async def scenario(world: World) -> None:
        scheduler = world.start_scheduler()
        world.broker.deliver = lose_all_to(RUNS)
        await world.add_dag(chain(2))
        await world.trigger("dag")
        await world.until_ended(timeout=5)
        assert scheduler.metric("missed_runs_total") == 1

    in_world(scenario)


def test_doubled_delayed_and_reordered_messages_change_nothing() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler()
        world.broker.deliver = double_and_delay(Random(3))
        await world.add_dag(fan_out(30))
        run = await world.trigger("dag")
        await world.until_ended(timeout=120)
        assert world.run_state(run) is DagRunState.SUCCESS
        assert sorted(world.executed) == sorted((each.task_id, 1) for each in fan_out(30).tasks)
        assert world.slots_used() == (0, 0)

    in_world(scenario)


def test_another_scheduler_takes_over_from_a_dead_one() -> None:
    async def scenario(world: World) -> None:
        first = world.start_scheduler()
        world.endings["t01"] = [SLOW]
        await world.add_dag(chain(4))
        run = await world.trigger("dag")
        await world.until(lambda: world.states(run).get("t01") == "running")
        first.crash()
        second = world.start_scheduler()
        await world.until_ended(timeout=40)
        assert world.run_state(run) is DagRunState.SUCCESS
        assert world.executed == [(f"t{n:02}", 1) for n in range(4)]
        assert second.found("expired_schedulers") == 1
        assert second.found("adopted_runs") == 1

    in_world(scenario)


def test_what_a_dead_scheduler_committed_but_did_not_publish_is_published_by_its_heir() -> None:
    async def scenario(world: World) -> None:
        world.broker.deliver = lose_all_to(DISPATCH)
        first = world.start_scheduler()
        await world.add_dag(chain(2))
        run = await world.trigger("dag")
        await world.until(lambda: world.states(run).get("t00") == "queued")
        first.crash()
        world.broker.deliver = deliver_at_once
        world.start_scheduler()
        await world.until_ended(timeout=40)
        assert world.run_state(run) is DagRunState.SUCCESS

    in_world(scenario)


def test_a_scheduler_that_stops_hands_its_runs_over_at_once() -> None:
    async def scenario(world: World) -> None:
        first, second = world.start_scheduler(), world.start_scheduler()
        world.endings["t00"] = [SLOW]
        await world.add_dag(chain(3))
        run = await world.trigger("dag")
        await world.until(lambda: world.states(run).get("t00") == "running")
        owner = first if first.metric("started_runs_total") else second
        await owner.end()
        await world.until_ended(timeout=12)
        assert world.run_state(run) is DagRunState.SUCCESS

    in_world(scenario)


def test_a_scheduler_that_lost_its_lease_begins_anew() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler()
        world.endings["t01"] = [SLOW]
        await world.add_dag(chain(3))
        run = await world.trigger("dag")
        await world.until(lambda: world.states(run).get("t01") == "running")
        for row in world.store.tables.schedulers.values():
            row.expired_at = world.now()
        for row in world.store.tables.dag_runs.values():
            row.owner = None
        await world.until_ended(timeout=30)
        assert world.run_state(run) is DagRunState.SUCCESS
        assert world.executed == [(f"t{n:02}", 1) for n in range(3)]

    in_world(scenario)


def test_attempts_of_a_lost_worker_are_dispatched_again() -> None:
    async def scenario(world: World) -> None:
        scheduler = world.start_scheduler()
        world.endings["t"] = [(Outcome.SUCCESS, EndCause.NONE, 1_000_000.0)]
        await world.add_dag(dag(task("t", retries=1)))
        run = await world.trigger("dag")
        await world.until(lambda: world.states(run).get("t") == "running")
        for worker in world.store.tables.workers.values():
            worker.renewed_at_tick = -100.0
            worker.sequence = 10**9
        await world.until(lambda: scheduler.found("lost_attempts") == 1, timeout=30)
        world.store.tables.workers.clear()
        await world.until_ended(run, timeout=200)
        assert world.run_state(run) is DagRunState.SUCCESS
        assert world.executed[0] == ("t", 1)
        assert world.executed[-1] == ("t", 1)

    in_world(scenario)


def test_tasks_of_a_paused_dag_wait_until_it_goes_on() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler()
        world.endings["t00"] = [SLOW]
        await world.add_dag(chain(2))
        run = await world.trigger("dag")
        await world.until(lambda: world.states(run).get("t00") == "running")
        await world.store.pause_dag("dag", is_paused=True)
        await world.bus.broadcast(EVENTS, Message(body=encode(DagsChanged(dag_ids=("dag",)))))
        await world.until(lambda: world.states(run)["t01"] == "scheduled", timeout=10)
        assert world.executed == [("t00", 1)]
        await world.store.pause_dag("dag", is_paused=False)
        await world.bus.broadcast(EVENTS, Message(body=encode(DagsChanged(dag_ids=("dag",)))))
        await world.until_ended(timeout=1)
        assert world.executed == [("t00", 1), ("t01", 1)]

    in_world(scenario)


def test_a_run_that_a_person_changed_is_read_again() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler()
        world.endings["t01"] = [SLOW]
        await world.add_dag(chain(3))
        run = await world.trigger("dag")
        await world.until(lambda: world.states(run).get("t01") == "running")
        rows = world.store.tables
        (first,) = [row for row in rows.task_instances[run].values() if row.id.task_id == "t00"]
        first.state = TaskInstanceState.NONE
        rows.dag_runs[run].revision += 1
        await world.bus.broadcast(EVENTS, Message(body=encode(DagRunsRevised(dag_run_ids=(run,)))))
        await world.until_ended(timeout=20)
        assert sorted(world.executed) == [("t00", 1), ("t00", 2), ("t01", 1), ("t02", 1)]

    in_world(scenario)


def test_a_revision_without_its_message_is_noticed_at_the_next_commit() -> None:
    async def scenario(world: World) -> None:
        scheduler = world.start_scheduler()
        world.endings["t00"] = [SLOW]
        await world.add_dag(chain(2))
        run = await world.trigger("dag")
        await world.until(lambda: world.states(run).get("t00") == "running")
        world.store.tables.dag_runs[run].revision += 1
        await world.until_ended(timeout=6)
        assert world.run_state(run) is DagRunState.SUCCESS
        assert scheduler.metric("contended_total") == 1

    in_world(scenario)


def test_two_schedulers_share_the_limits_and_tell_each_other_of_free_slots() -> None:
    async def scenario(world: World) -> None:
        await world.store.set_parallelism(2)
        schedulers = [world.start_scheduler(), world.start_scheduler()]
        for name in ("left", "right"):
            await world.add_dag(dag(*(task(f"t{number}") for number in range(10)), dag_id=name))
            await world.trigger(name)
        await world.until_ended(timeout=30)
        assert world.running_max == 2
        assert sum(scheduler.metric("started_runs_total") for scheduler in schedulers) == 2
        assert world.slots_used() == (0, 0)

    in_world(scenario)


def test_runs_that_do_not_fit_into_memory_end_all_the_same() -> None:
    async def scenario(world: World) -> None:
        await world.store.set_parallelism(3)
        scheduler = world.start_scheduler(snapshot_cache_bytes=10_000)
        world.endings["t0"] = [FAILURE] * 3
        await world.add_dag(dag(*(task(f"t{n}", retries=1, retry_delay_seconds=5.0) for n in range(8))))
        for number in range(10):
            await world.trigger("dag", f"run{number}")
        await world.until_ended(timeout=600)
        assert all(run.state is DagRunState.SUCCESS for run in world.store.dag_runs)
        assert scheduler.metric("cache_dropped_total") > 0

    in_world(scenario)


def test_an_undecodable_message_goes_to_the_dead_letter_queue_and_the_queue_moves_on() -> None:
    async def scenario(world: World) -> None:
        scheduler = world.start_scheduler()
        await world.add_dag(chain(1))
        await world.until(lambda: RUNS in world.broker.queue_depths)
        await world.bus.publish(RUNS, [Message(body=b"nonsense")])
        await world.trigger("dag")
        await world.until_ended(timeout=1)
        assert scheduler.metric("undecodable_total", feed="runs") == 1
        async with world.bus.consume(Queue(name=DEAD_LETTER, durable=True), prefetch=1, max_batch=1) as batches:
            batch = await anext(batches)
            assert batch.deliveries[0].message.headers["x-source-queue"] == RUNS
            await batch.ack()

    in_world(scenario)


def test_a_broker_that_loses_its_queues_loses_no_task() -> None:
    async def scenario(world: World) -> None:
        scheduler = world.start_scheduler()
        await world.add_dag(chain(1))
        world.broker.deliver = delay_all_to(DISPATCH, 20.0)
        run = await world.trigger("dag")
        await world.until(lambda: world.states(run).get("t00") == "queued")
        world.broker.stop()
        await world.until(lambda: world.seconds() > 10)
        world.broker.deliver = deliver_at_once
        world.broker.start()
        await world.until_ended(timeout=5)
        assert scheduler.found("unclaimed") == 1

    in_world(scenario)


@pytest.mark.parametrize("seed", range(15))
def test_a_store_that_fails_now_and_then_loses_nothing(seed: int) -> None:
    store, random = FlakyStore(), Random(seed)
    store.failing = never

    async def scenario(world: World) -> None:
        world.start_scheduler()
        world.start_scheduler()
        for name in ("left", "right"):
            await world.add_dag(fan_out(8, dag_id=name, max_active_tasks=3))
            for number in range(3):
                await world.trigger(name, f"run{number}")
        store.failing = now_and_then(random, 0.1)
        await world.until_ended(timeout=1_200)
        assert all(run.state is DagRunState.SUCCESS for run in store.dag_runs)
        assert len(world.executed) == 6 * 10
        assert world.slots_used() == (0, 0)

    in_world(scenario, store=store, seed=seed)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("method", "within_seconds"),
    [("start_dag_runs", 3), ("load_dag_runs", 1), ("load_dag_specs", 1), ("load_capacity", 1), ("commit_decisions", 1)],
)
def test_one_failure_costs_one_retry(method: str, when: str, within_seconds: float) -> None:
    store = FlakyStore()
    store.failing = never

    async def scenario(world: World) -> None:
        world.start_scheduler()
        await world.add_dag(chain(3))
        await world.until_listening()
        store.fail_once(method, when)
        run = await world.trigger("dag")
        await world.until_ended(timeout=within_seconds)
        assert world.run_state(run) is DagRunState.SUCCESS
        assert len(world.executed) == 3

    in_world(scenario, store=store)


def test_a_run_whose_adoption_was_not_heard_of_is_found_by_the_next_sweep() -> None:
    store = FlakyStore()
    store.failing = never

    async def scenario(world: World) -> None:
        world.broker.deliver = lose_all_to(DISPATCH)
        first = world.start_scheduler()
        await world.add_dag(chain(2))
        run = await world.trigger("dag")
        await world.until(lambda: world.states(run).get("t00") == "queued")
        await first.end()
        world.broker.deliver = deliver_at_once
        store.fail_once("adopt_dag_runs", "after")
        world.start_scheduler()
        await world.until_ended(timeout=5)

    in_world(scenario, store=store)


def test_waiting_tasks_start_when_somebody_makes_room_without_saying_so() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler()
        await world.store.set_pool("default_pool", 0)
        await world.add_dag(chain(1))
        run = await world.trigger("dag")
        await world.until(lambda: world.states(run).get("t00") == "scheduled")
        await world.store.set_pool("default_pool", 1)
        await world.until_ended(timeout=3)

    in_world(scenario)


def test_slots_freed_by_one_scheduler_reach_the_tasks_of_another_without_a_sweep() -> None:
    async def scenario(world: World) -> None:
        await world.store.set_parallelism(1)
        schedulers = [world.start_scheduler(sweep_interval_seconds=1_000.0) for _ in range(2)]
        for name in ("left", "right"):
            world.endings[name] = [SLOW]
            await world.add_dag(dag(task(name), dag_id=name))
        await world.until_listening()
        await world.trigger("left")
        await world.trigger("right")
        await world.until_ended(timeout=10.1)
        assert [scheduler.metric("started_runs_total") for scheduler in schedulers] == [1, 1]

    in_world(scenario)


class ContestedStore(MemoryStore):
    """Another scheduler takes the last free place just after it was seen, and gives it back."""

    thefts = 0

    async def load_capacity(self) -> Capacity:
        seen = self._capacity()
        if self.thefts and seen.parallelism_used < seen.parallelism:
            self.thefts -= 1
            self.tables.parallelism.used += 1
        return seen


def test_tasks_that_lost_their_place_to_another_scheduler_get_the_next_one() -> None:
    store = ContestedStore()

    async def scenario(world: World) -> None:
        scheduler = world.start_scheduler()
        await world.store.set_parallelism(1)
        store.tables.parallelism.used = 1
        await world.add_dag(dag(*(task(f"t{number}") for number in range(3))))
        run = await world.trigger("dag")
        await world.until(lambda: "scheduled" in world.states(run).values())
        store.tables.parallelism.used, store.thefts = 0, 1
        await world.until(lambda: scheduler.metric("contended_total") > 0)
        store.tables.parallelism.used = 0
        await world.until_ended(timeout=5)

    in_world(scenario, store=store)


def test_attempts_wait_for_the_first_dispatcher_to_come() -> None:
    async def scenario(world: World) -> None:
        scheduler = world.start_scheduler()
        await world.add_dag(chain(1))
        run = await world.trigger("dag")
        await world.until(lambda: world.seconds() > 20)
        assert world.states(run) == {"t00": "queued"}
        world.start_worker()
        await world.until_ended(timeout=6)
        assert scheduler.found("unclaimed") == 0

    in_world(scenario, with_worker=False)


def test_the_same_seed_gives_the_same_history() -> None:
    def history(seed: int) -> object:
        store = FlakyStore()
        store.failing = now_and_then(Random(seed), 0.05)

        async def scenario(world: World) -> None:
            world.start_scheduler()
            await world.add_dag(fan_out(6))
            await world.trigger("dag")
            await world.until_ended(timeout=1_200)

        in_world(scenario, store=store, seed=seed)
        return store.journal

    assert history(5) == history(5)
    assert history(5) != history(6)
