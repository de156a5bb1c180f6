"""Claims and ends: granted once, recorded once, fenced by attempt id."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.store_driver import Driver, acknowledged, number, queued
from tradewind.core.rows import TaskInstanceId, Verdict
from tradewind.core.spec import TaskSpec
from tradewind.core.states import EndCause, Outcome, TaskInstanceState

S = TaskInstanceState
TASK = TaskSpec(task_id="task")


async def test_a_claim_is_granted_with_all_that_execution_needs(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    (attempt,) = await driver.queue(run, "task", retries=2)
    await driver.beat()
    answer = await driver.claim(run, "task", attempt)
    assert answer.verdict is Verdict.DONE
    assert answer.run is not None
    assert (answer.run.try_number, answer.run.max_tries, answer.run.start_date) == (1, 2, driver.now)
    assert (answer.run.relative_fileloc, answer.run.file_digest, answer.run.conf) == ("dag.py", "digest", b"{}")
    assert (answer.run.run_type, answer.run.triggered_by) == ("manual", "rest_api")
    assert (answer.run.run_after, answer.run.dag_run_queued_at) == (run.run_after, driver.now)
    assert (await driver.row(TaskInstanceId(run.id, "task"))).state is S.RUNNING


async def test_the_identical_claim_replays_its_grant(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    (attempt,) = await driver.queue(run, "task")
    await driver.beat()
    first = await driver.claim(run, "task", attempt, nonce=5)
    driver.now += timedelta(seconds=3)
    assert await driver.claim(run, "task", attempt, nonce=5) == first
    assert (await driver.claim(run, "task", attempt, nonce=6)).verdict is Verdict.SUPERSEDED


async def test_a_second_worker_is_superseded(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run)
    await driver.beat(worker_id="second", incarnation=number(2))
    answer = await driver.claim(run, "task", attempt, worker_id="second", incarnation=number(2))
    assert (answer.verdict, answer.run) == (Verdict.SUPERSEDED, None)


async def test_one_batch_may_hold_rival_and_doubled_claims(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    first, second = await driver.queue(run, "a", "b")
    await driver.beat()
    claims = [
        driver.claim_of(run, "a", first, nonce=1),
        driver.claim_of(run, "a", first, nonce=2),
        driver.claim_of(run, "b", second, nonce=3),
        driver.claim_of(run, "a", first, nonce=1),
    ]
    answers = await driver.store.grant_claims(claims, driver.now)
    assert [answer.verdict for answer in answers] == ["done", "superseded", "done", "done"]
    assert [answer.attempt_id for answer in answers] == [first, first, second, first]


async def test_claims_of_unknown_things_are_superseded(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    (attempt,) = await driver.queue(run, "task")
    await driver.beat()
    assert (await driver.claim(run, "task", driver.new_id())).verdict is Verdict.SUPERSEDED
    assert (await driver.claim(run, "nothing", attempt)).verdict is Verdict.SUPERSEDED
    assert (await driver.claim(replace(run, run_id="nothing"), "task", attempt)).verdict is Verdict.SUPERSEDED
    assert (await driver.row(TaskInstanceId(run.id, "task"))).state is S.QUEUED


async def test_an_unregistered_worker_is_told_to_begin_anew(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    (attempt,) = await driver.queue(run, "task")
    assert (await driver.claim(run, "task", attempt)).verdict is Verdict.EXPIRED


async def test_nothing_to_do_is_fine(driver: Driver) -> None:
    assert list(await driver.store.grant_claims([], driver.now)) == []
    assert list(await driver.store.record_ends([], driver.now)) == []
    assert list(await driver.store.record_beats([], driver.now)) == []


async def test_an_end_comes_with_xcoms_log_and_whom_to_tell(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run)
    awkward = b'{"text": "NUL \\u0000", "number": NaN}'
    answer = await driver.end(
        run,
        "task",
        attempt,
        xcoms=(("return_value", awkward), ("other", b"2")),
        log=b"one\ntwo\n",
        rendered_fields=b"{}",
    )
    id_ = TaskInstanceId(run.id, "task")
    assert (answer.verdict, answer.id, answer.owner) == (Verdict.DONE, id_, driver.scheduler_id)
    assert (answer.state, answer.next_action_at) == (S.SUCCESS, None)
    row = await driver.row(id_)
    assert (row.state, row.end_pending, row.held_slots) == (S.SUCCESS, True, 1)
    assert await driver.inside.xcoms(run.id) == {("task", "return_value"): awkward, ("task", "other"): b"2"}
    assert await driver.inside.log(attempt) == b"one\ntwo\n"


async def test_a_replayed_end_gets_the_same_answer(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run)
    first = await driver.end(run, "task", attempt, xcoms=(("return_value", b"1"),))
    driver.now += timedelta(seconds=9)
    assert await driver.end(run, "task", attempt, xcoms=(("return_value", b"2"),)) == first
    assert await driver.inside.xcoms(run.id) == {("task", "return_value"): b"1"}
    await driver.commit(run, acknowledged=[acknowledged(TaskInstanceId(run.id, "task"), attempt)])
    assert await driver.end(run, "task", attempt) == first


async def test_one_batch_may_hold_an_end_twice(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run)
    end = driver.end_of(run, "task", attempt)
    first, second = await driver.store.record_ends([end, end], driver.now)
    assert first == second
    assert first.verdict is Verdict.DONE


async def test_a_stale_attempt_writes_nothing(driver: Driver) -> None:
    run = await driver.started_run(replace(TASK, retries=1))
    attempt = await driver.running(run, retries=1)
    await driver.fail(run, "task", attempt)
    id_ = TaskInstanceId(run.id, "task")
    retry = driver.new_id()
    again = queued(id_, retry, S.UP_FOR_RETRY, expected_attempt_id=attempt, try_number=2)
    await driver.commit(run, again, acknowledged=[acknowledged(id_, attempt)])
    answer = await driver.end(run, "task", attempt, xcoms=(("return_value", b"stale"),), log=b"stale\n")
    assert (answer.verdict, answer.id) == (Verdict.SUPERSEDED, None)
    assert await driver.inside.xcoms(run.id) == {}
    assert await driver.inside.log(attempt) == b""
    assert (await driver.row(id_)).attempt_id == retry


async def test_another_workers_end_is_superseded(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run)
    answer = await driver.end(run, "task", attempt, incarnation=number(2))
    assert answer.verdict is Verdict.SUPERSEDED
    assert (await driver.row(TaskInstanceId(run.id, "task"))).state is S.RUNNING


async def test_a_batch_holds_good_and_stale_ends(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    first = await driver.running(run, "a")
    second = await driver.running(run, "b")
    ends = [
        driver.end_of(run, "b", second),
        driver.end_of(run, "a", driver.new_id()),
        driver.end_of(run, "nothing", driver.new_id()),
        driver.end_of(run, "a", first, outcome=Outcome.SKIPPED),
    ]
    answers = await driver.store.record_ends(ends, driver.now)
    assert [answer.verdict for answer in answers] == ["done", "superseded", "superseded", "done"]
    assert [answer.state for answer in answers] == [S.SUCCESS, None, None, S.SKIPPED]


async def test_a_failure_with_tries_left_is_up_for_retry_and_copied_to_the_history(driver: Driver) -> None:
    run = await driver.started_run(replace(TASK, retries=1, retry_delay_seconds=60.0))
    attempt = await driver.running(run, retries=1)
    answer = await driver.fail(run, "task", attempt)
    id_ = TaskInstanceId(run.id, "task")
    assert (answer.state, answer.next_action_at) == (S.UP_FOR_RETRY, driver.now + timedelta(minutes=1))
    assert (await driver.row(id_)).next_action_at == driver.now + timedelta(minutes=1)
    assert await driver.inside.history() == [(id_, 1, attempt)]


async def test_a_last_failure_is_failed_and_not_copied(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run)
    assert (await driver.fail(run, "task", attempt)).state is S.FAILED
    assert await driver.inside.history() == []


async def test_xcoms_of_an_earlier_try_are_gone_when_the_next_begins(driver: Driver) -> None:
    run = await driver.started_run(replace(TASK, retries=1))
    attempt = await driver.running(run, retries=1)
    failed = {"outcome": Outcome.FAILED, "cause": EndCause.USER_ERROR, "xcoms": (("key", b"1"),)}
    await driver.end(run, "task", attempt, **failed)
    assert await driver.inside.xcoms(run.id) == {("task", "key"): b"1"}
    id_, retry = TaskInstanceId(run.id, "task"), driver.new_id()
    again = queued(id_, retry, S.UP_FOR_RETRY, expected_attempt_id=attempt, try_number=2)
    await driver.commit(run, again, acknowledged=[acknowledged(id_, attempt)])
    await driver.claim(run, "task", retry)
    assert await driver.inside.xcoms(run.id) == {}


async def test_an_attempt_that_could_not_be_claimed_may_end(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    (attempt,) = await driver.queue(run, "task")
    assert (await driver.end(run, "task", attempt)).verdict is Verdict.SUPERSEDED
    answer = await driver.end(run, "task", attempt, outcome=Outcome.FAILED, cause=EndCause.NOT_STARTED)
    assert (answer.verdict, answer.state) == (Verdict.DONE, S.SCHEDULED)
    row = await driver.row(TaskInstanceId(run.id, "task"))
    assert (row.dispatch_failures, row.lost_attempts, row.end_pending) == (1, 0, True)


async def test_a_restarting_attempt_makes_way(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run)
    id_ = TaskInstanceId(run.id, "task")
    await driver.inside.restart(id_)
    assert (await driver.claim(run, "task", attempt)).verdict is Verdict.SUPERSEDED
    answer = await driver.end(run, "task", attempt, outcome=Outcome.FAILED, cause=EndCause.KILLED)
    assert (answer.verdict, answer.state) == (Verdict.DONE, S.NONE)
    assert await driver.inside.history() == [(id_, 1, attempt)]


@pytest.mark.parametrize("text", ["a NUL \x00 inside", "x" * 10_000, "snowman \u2603"])
async def test_any_detail_can_be_recorded(driver: Driver, text: str) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run)
    failed = {"outcome": Outcome.FAILED, "cause": EndCause.USER_ERROR, "detail": text, "hostname": "host\x00"}
    assert (await driver.end(run, "task", attempt, **failed)).state is S.FAILED
