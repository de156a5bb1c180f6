"""Heartbeats, the lease clock, lost grants and expiry."""

import json
from dataclasses import replace
from datetime import timedelta

from tests.store_driver import LEASE, Driver, number
from tradewind.core.rows import TaskInstanceId, Verdict
from tradewind.core.spec import TaskSpec
from tradewind.core.states import TaskInstanceState

S = TaskInstanceState
TASK = TaskSpec(task_id="task")
SECOND = timedelta(seconds=1)


async def test_attempts_that_are_not_this_workers_are_killed(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run)
    stranger = driver.new_id()
    answer = await driver.beat(attempt, stranger)
    assert (answer.verdict, answer.kill, answer.ended) == (Verdict.DONE, (stranger,), ())
    other = await driver.beat(attempt, worker_id="other", incarnation=number(2))
    assert other.kill == (attempt,)


async def test_a_restarting_or_ended_attempt_is_killed(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    restarting, ended = await driver.running(run, "a"), await driver.running(run, "b")
    await driver.inside.restart(TaskInstanceId(run.id, "a"))
    await driver.end(run, "b", ended)
    assert (await driver.beat(restarting, ended)).kill == (restarting, ended)


async def test_a_worker_that_falls_silent_is_reaped_with_its_attempts(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.tick(12)
    attempt = await driver.running(run)
    await driver.tick(9)
    assert await driver.store.expire_workers(driver.now, LEASE) == []
    await driver.tick(2)
    (ended,) = await driver.store.expire_workers(driver.now, LEASE)
    id_ = TaskInstanceId(run.id, "task")
    assert (ended.id, ended.owner, ended.attempt_id, ended.state) == (id_, driver.scheduler_id, attempt, S.FAILED)
    row = await driver.row(id_)
    assert (row.state, row.end_pending, row.held_slots) == (S.FAILED, True, 1)
    assert await driver.store.expire_workers(driver.now, LEASE) == []


async def test_the_log_of_a_lost_attempt_ends_with_why(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.tick(12)
    attempt = await driver.running(run)
    await driver.tick(12)
    await driver.store.expire_workers(driver.now, LEASE)

    (last,) = (await driver.inside.log(attempt)).splitlines()

    assert json.loads(last)["event"].startswith("Worker lost: ")
    assert json.loads(last)["cause"] == "worker_lost"


async def test_a_reaped_worker_is_refused_for_good(driver: Driver) -> None:
    run = await driver.started_run(replace(TASK, retries=1))
    await driver.tick(12)
    attempt = await driver.running(run, retries=1)
    (waiting,) = await driver.queue(run, "waiting")
    await driver.tick(12)
    assert len(await driver.store.expire_workers(driver.now, LEASE)) == 1
    assert (await driver.beat(attempt)).verdict is Verdict.EXPIRED
    assert (await driver.beat(leaving=True)).verdict is Verdict.EXPIRED
    assert (await driver.end(run, "task", attempt)).verdict is Verdict.SUPERSEDED
    assert (await driver.claim(run, "waiting", waiting)).verdict is Verdict.EXPIRED
    driver.incarnation = number(0xB2)
    await driver.beat()
    assert (await driver.claim(run, "waiting", waiting)).verdict is Verdict.DONE


async def test_heartbeats_keep_a_worker_alive(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run)
    for _ in range(10):
        await driver.tick(4)
        assert (await driver.beat(attempt)).verdict is Verdict.DONE
        assert await driver.store.expire_workers(driver.now, LEASE) == []


async def test_a_beat_that_comes_late_renews_nothing(driver: Driver) -> None:
    await driver.tick(12)
    await driver.beat(sequence=5)
    await driver.tick(8)
    await driver.beat(sequence=4)
    await driver.tick(3)
    await driver.store.expire_workers(driver.now, LEASE)
    assert (await driver.beat(sequence=6)).verdict is Verdict.EXPIRED


async def test_nothing_ages_while_no_collector_receives(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.tick(12)
    attempt = await driver.running(run)
    driver.now += timedelta(hours=1)
    await driver.tick(LEASE.total_seconds() - 1)
    assert await driver.store.expire_workers(driver.now, LEASE) == [], "a full lease of silence follows the gap"
    await driver.tick(3)
    (ended,) = await driver.store.expire_workers(driver.now, LEASE)
    assert ended.attempt_id == attempt


async def test_one_collector_is_elected_and_another_takes_over(driver: Driver) -> None:
    first, second = number(1), number(2)
    advance = driver.store.advance_lease_clock
    assert await advance(first, driver.now, LEASE) is True
    assert await advance(second, driver.now + SECOND, LEASE) is False
    assert await advance(first, driver.now + SECOND, LEASE) is True
    assert await advance(second, driver.now + 4 * SECOND, LEASE) is False
    assert await advance(second, driver.now + 5 * SECOND, LEASE) is True
    assert await advance(first, driver.now + 5 * SECOND, LEASE) is False


async def test_ticks_count_at_most_a_second_each(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.tick(12)
    await driver.running(run)
    for _ in range(10):
        driver.now += 3 * SECOND
        await driver.store.advance_lease_clock(driver.collector_id, driver.now, LEASE)
    assert await driver.store.expire_workers(driver.now, LEASE) == []
    driver.now += 3 * SECOND
    await driver.store.advance_lease_clock(driver.collector_id, driver.now, LEASE)
    assert len(await driver.store.expire_workers(driver.now, LEASE)) == 1


async def test_a_clock_that_jumps_back_reaps_nobody(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.tick(12)
    attempt = await driver.running(run)
    driver.now -= timedelta(hours=5)
    await driver.tick(5)
    await driver.beat(attempt)
    assert await driver.store.expire_workers(driver.now, LEASE) == []
    await driver.tick(12)
    assert len(await driver.store.expire_workers(driver.now, LEASE)) == 1


async def test_a_grant_that_its_worker_never_heard_of_is_lost(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.tick(12)
    attempt = await driver.running(run)
    await driver.tick(5)
    assert (await driver.beat()).ended == (), "claimed less than a lease ago"
    await driver.tick(6)
    assert (await driver.beat()).ended == (), "missing once"
    await driver.tick(1)
    (ended,) = (await driver.beat()).ended
    assert (ended.attempt_id, ended.owner, ended.state) == (attempt, driver.scheduler_id, S.FAILED)
    assert (await driver.beat()).ended == ()


async def test_missing_beats_must_be_in_a_row(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.tick(12)
    attempt = await driver.running(run)
    await driver.tick(5)
    await driver.beat(attempt)
    await driver.tick(6)
    for _ in range(3):
        assert (await driver.beat()).ended == ()
        assert (await driver.beat(attempt)).ended == ()
    assert (await driver.row(TaskInstanceId(run.id, "task"))).state is S.RUNNING


async def test_a_worker_that_leaves_is_forgotten(driver: Driver) -> None:
    await driver.beat()
    assert (await driver.beat(leaving=True)).verdict is Verdict.DONE
    await driver.tick(30)
    assert await driver.store.expire_workers(driver.now, LEASE) == []
    assert (await driver.beat()).verdict is Verdict.DONE


async def test_a_worker_that_leaves_with_attempts_is_reaped_in_time(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.tick(12)
    attempt = await driver.running(run)
    await driver.beat(leaving=True)
    await driver.tick(12)
    (ended,) = await driver.store.expire_workers(driver.now, LEASE)
    assert ended.attempt_id == attempt
