"""Runs made by time, by the scheduler's real loops in virtual time."""

from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from tests.dag_specs import NOW, dag, task
from tests.unit.scheduler.world import FlakyStore, World, in_world, now_and_then
from tradewind.bus.port import Message
from tradewind.core.spec import DagSpec, TimetableSpec
from tradewind.core.states import DagRunState, EndCause, Outcome
from tradewind.db.memory.tables import DagRunTableRow
from tradewind.wire.codec import encode
from tradewind.wire.messages import DagsChanged
from tradewind.wire.queues import EVENTS

EVERY_10_SECONDS = TimetableSpec(kind="cron_trigger", data={"expression": "* * * * * */10", "timezone": "UTC"})
HOURLY = TimetableSpec(kind="cron_trigger", data={"expression": "0 * * * *", "timezone": "UTC"})
CONTINUOUS = TimetableSpec(kind="continuous")
ONCE = TimetableSpec(kind="once")


def scheduled(timetable: TimetableSpec = EVERY_10_SECONDS, **fields: Any) -> DagSpec:
    values: dict[str, Any] = {"start_date": NOW, "catchup": True, "timetable": timetable} | fields
    return dag(task("t"), **values)


def lateness(run: DagRunTableRow) -> float:
    """Seconds from when the run was due to when it was started."""
    assert run.start_date is not None
    return (run.start_date - run.run_after).total_seconds()


async def announce(world: World, dag_id: str = "dag") -> None:
    await world.bus.broadcast(EVENTS, Message(body=encode(DagsChanged((dag_id,)))))


async def until_runs(world: World, count: int, timeout: float = 3600.0) -> None:  # noqa: ASYNC109 - virtual time
    """Wait until this many runs have ended well."""
    await world.until(lambda: sum(run.state is DagRunState.SUCCESS for run in world.store.dag_runs) >= count, timeout)


def test_runs_start_when_they_are_due_and_not_at_a_sweep() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler(sweep_interval_seconds=3.7)
        await world.until_listening()
        await world.add_dag(scheduled())
        await until_runs(world, 5)
        runs = world.store.dag_runs
        assert [run.run_after for run in runs] == [NOW + n * timedelta(seconds=10) for n in range(len(runs))]
        assert runs[1].run_id == "scheduled__2030-01-01T00:00:10+00:00"
        assert all(lateness(run) < 0.01 for run in runs[1:])

    in_world(scenario)


def test_runs_about_partitions_have_keys_and_no_dates() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler()
        await world.until_listening()
        data: dict[str, object] = {"expression": "0 * * * *", "timezone": "Europe/Paris", "run_offset": -1}
        timetable = TimetableSpec(kind="cron_partition", data={**data, "key_format": "%Y-%m-%dT%H"})
        await world.add_dag(scheduled(timetable, start_date=NOW - timedelta(hours=2), max_active_runs=1))
        await until_runs(world, 5, timeout=20_000.0)
        runs = world.store.dag_runs[:5]
        assert [run.run_after for run in runs] == [NOW + hours * timedelta(hours=1) for hours in range(-2, 3)]
        assert [run.partition_key for run in runs] == [f"2029-12-31T{hour}" for hour in (22, 23)] + [
            f"2030-01-01T{hour:02}" for hour in range(3)
        ]
        assert [run.partition_date for run in runs] == [run.run_after - timedelta(hours=1) for run in runs]
        assert {(run.logical_date, run.data_interval_start) for run in runs} == {(None, None)}
        assert runs[0].run_id.startswith("scheduled__2029-12-31T22:00:00+00:00__2029-12-31T22__")

    in_world(scenario)


def test_three_schedulers_make_each_run_once() -> None:
    async def scenario(world: World) -> None:
        for _ in range(3):
            world.start_scheduler()
        await world.until_listening()
        for name in ("a", "b", "c"):
            await world.add_dag(scheduled(dag_id=name))
        await until_runs(world, 15)
        made = [(run.dag_id, run.run_after) for run in world.store.dag_runs]
        assert len(made) == len(dict.fromkeys(made))
        assert all(lateness(run) < 0.01 for run in world.store.dag_runs[3:])

    in_world(scenario)


@pytest.mark.parametrize("seed", range(8))
def test_a_store_that_fails_now_and_then_loses_no_run(seed: int) -> None:
    async def scenario(world: World) -> None:
        assert isinstance(world.store, FlakyStore)
        world.store.failing = now_and_then(Random(seed), 0.2)
        world.start_scheduler()
        world.start_scheduler()
        await world.add_dag(scheduled())
        await until_runs(world, 6)
        dates = [run.run_after for run in world.store.dag_runs]
        assert dates == [NOW + n * timedelta(seconds=10) for n in range(len(dates))]

    in_world(scenario, store=FlakyStore(), seed=seed)


def test_a_changed_dag_is_heard_of_at_once() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler(sweep_interval_seconds=1000.0)
        await world.until_listening()
        await world.add_dag(scheduled(ONCE))
        await announce(world)
        await until_runs(world, 1, timeout=0.5)
        assert [run.run_id for run in world.store.dag_runs] == ["scheduled__2030-01-01T00:00:00+00:00"]

    in_world(scenario)


def test_continuous_runs_follow_each_other_at_once() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler(sweep_interval_seconds=1000.0)
        await world.until_listening()
        world.endings["t"] = [(Outcome.SUCCESS, EndCause.NONE, 5.0)] * 5
        await world.add_dag(scheduled(CONTINUOUS, max_active_runs=1))
        await announce(world)
        await until_runs(world, 4)
        runs = world.store.dag_runs
        for before, after in pairwise(runs):
            assert before.end_date is not None
            assert after.start_date is not None
            assert timedelta(0) <= after.start_date - before.end_date < timedelta(seconds=0.1)
            assert after.data_interval_start == before.data_interval_end

    in_world(scenario)


def test_catching_up_keeps_to_max_active_runs() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler()
        await world.until_listening()
        await world.add_dag(scheduled(HOURLY, start_date=NOW - timedelta(hours=30), max_active_runs=4))
        await until_runs(world, 31)
        assert world.running_max <= 4
        dates = [run.logical_date for run in world.store.dag_runs]
        assert dates == [NOW + (n - 30) * timedelta(hours=1) for n in range(31)]

    in_world(scenario)


def test_a_paused_dag_makes_no_runs_and_then_only_the_latest() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler()
        await world.until_listening()
        await world.add_dag(scheduled(catchup=False))
        await until_runs(world, 1)
        await world.store.pause_dag("dag", is_paused=True)
        before = len(world.store.dag_runs)
        paused_at = world.seconds()
        await world.until(lambda: world.seconds() > paused_at + 95)
        assert len(world.store.dag_runs) == before
        await world.store.pause_dag("dag", is_paused=False)
        await announce(world)
        await until_runs(world, before + 1, timeout=0.5)
        (run,) = world.store.dag_runs[before:]
        assert timedelta(0) <= world.now() - run.run_after < timedelta(seconds=10)

    in_world(scenario)


def test_a_scheduler_may_be_told_to_make_none() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler(use_job_schedule=False)
        await world.until_listening()
        await world.add_dag(scheduled(ONCE))
        run = await world.trigger("dag", "by_hand")
        await world.until_ended(run)
        assert [each.run_id for each in world.store.dag_runs] == ["by_hand"]

    in_world(scenario)


def test_a_timetable_that_fails_holds_up_only_its_own_dag() -> None:
    async def scenario(world: World) -> None:
        scheduler = world.start_scheduler()
        await world.until_listening()
        await world.add_dag(scheduled(ONCE, dag_id="broken"))
        world.store.tables.dag_versions[world.store.tables.dags["broken"].dag_version_id].spec = scheduled(
            TimetableSpec(kind="cron_trigger", data={"expression": "@daily", "timezone": "Mars/Olympus"}),
            dag_id="broken",
        )
        await world.add_dag(scheduled(ONCE))
        await until_runs(world, 1)
        assert [run.dag_id for run in world.store.dag_runs] == ["dag"]
        assert scheduler.metric("dag_runs_created_total") == 1.0

    in_world(scenario)


def test_a_run_that_takes_too_long_fails_and_its_tasks_are_skipped() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler(sweep_interval_seconds=1000.0)
        await world.until_listening()
        world.endings["slow"] = [(Outcome.SUCCESS, EndCause.NONE, 500.0)]
        await world.add_dag(dag(task("slow"), task("after", "slow"), dagrun_timeout_seconds=60.0))
        run = await world.trigger("dag")
        await world.until_ended(run, timeout=70.0)
        (row,) = world.store.dag_runs
        assert row.start_date is not None
        assert row.end_date is not None
        assert timedelta(seconds=60) <= row.end_date - row.start_date < timedelta(seconds=60.1)
        assert row.state is DagRunState.FAILED
        assert world.states(run) == {"slow": "skipped", "after": "skipped"}
        assert world.slots_used() == (0, 0)

    in_world(scenario)
