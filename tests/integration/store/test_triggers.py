"""Deferred task instances: who runs their triggers, and how they go on."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from tests.store_driver import LEASE, Driver, acknowledged, change, created, guard_of, number
from tradewind.core.rows import (
    DagRunRow,
    DecisionBatch,
    DeferralRecord,
    EndEffectsRecord,
    GrantedRun,
    StartedDeferral,
    TaskInstanceId,
    Verdict,
)
from tradewind.core.spec import TaskSpec
from tradewind.core.states import EndCause, Outcome, TaskInstanceState
from tradewind.core.triggers import HumanAnswer, WaitingTrigger, ended, failed, resumed, timed_out

S = TaskInstanceState
TASKS = (TaskSpec(task_id="task"), TaskSpec(task_id="other"))
FIRST, SECOND = number(0x71), number(0x72)
DEFERRAL = DeferralRecord(classpath="triggers.Soon", kwargs=b'{"n":1}', next_method="go_on", next_kwargs=b'{"a":"b"}')

QUESTION = b'{"subject":"?","options":["yes","no"],"defaults":null,"params":{},"assigned_users":null,"multiple":false}'
YES = HumanAnswer(chosen_options=b'["yes"]', params_input=b'{"a": 1}', responded_by=b'{"id": "me", "name": "me"}')
NO = HumanAnswer(chosen_options=b'["no"]', params_input=b"{}", responded_by=None)


async def deferred(
    driver: Driver,
    run: DagRunRow,
    task_id: str = "task",
    *,
    deferral: DeferralRecord = DEFERRAL,
    is_decided: bool = True,
    outcome: Outcome = Outcome.DEFERRED,
    human_input: bytes | None = None,
) -> UUID:
    """An attempt that waits; the run's owner has decided upon it unless told otherwise."""
    attempt = await driver.running(run, task_id)
    effects = EndEffectsRecord(deferral=deferral, human_input=human_input)
    answer = await driver.end(run, task_id, attempt, outcome=outcome, cause=EndCause.NONE, effects=effects)
    assert answer.verdict is Verdict.DONE
    if is_decided:
        await driver.commit(run, acknowledged=[acknowledged(TaskInstanceId(run.id, task_id), attempt)])
    return attempt


async def taken(driver: Driver, triggerer: UUID = FIRST, limit: int = 10) -> list[WaitingTrigger]:
    """What a triggerer takes."""
    await driver.store.renew_triggerer(triggerer, "host", limit, driver.now)
    return list(await driver.store.take_triggers(triggerer, limit))


async def test_a_triggerer_takes_a_trigger_with_all_that_it_needs(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    attempt = await deferred(driver, run)
    (trigger,) = await taken(driver)
    assert trigger == WaitingTrigger(
        id=trigger.id,
        task_instance=TaskInstanceId(run.id, "task"),
        dag_id="dag",
        run_id="run",
        try_number=1,
        attempt_id=attempt,
        classpath="triggers.Soon",
        kwargs=b'{"n":1}',
        next_kwargs=b'{"a":"b"}',
        relative_fileloc="dag.py",
    )
    assert await driver.store.keep_triggers(FIRST) == [trigger.id]


async def test_a_triggerer_hears_that_a_worker_has_something_to_do_at_the_end(driver: Driver) -> None:
    run = await driver.started_run(replace(TASKS[0], is_ended_by_worker=True), TASKS[1])
    await deferred(driver, run)
    await deferred(driver, run, "other")
    assert [trigger.is_ended_by_worker for trigger in await taken(driver)] == [True, False]


async def test_two_triggerers_share_the_triggers(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    await deferred(driver, run, "task")
    await deferred(driver, run, "other")
    (mine,) = await taken(driver, FIRST, 1)
    (theirs,) = await taken(driver, SECOND, 10)
    assert (mine.task_instance.task_id, theirs.task_instance.task_id) == ("task", "other")
    assert await taken(driver, FIRST) == []


async def test_a_triggerer_without_a_lease_takes_nothing(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    await deferred(driver, run)
    assert await driver.store.take_triggers(FIRST, 10) == []


async def test_triggers_of_a_queue_are_for_those_who_serve_it(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    await deferred(driver, run, deferral=replace(DEFERRAL, queue="far"))
    assert await taken(driver) == []
    await driver.store.renew_triggerer(SECOND, "host", 10, driver.now)
    assert await driver.store.take_triggers(SECOND, 10, ["near"]) == []
    assert len(await driver.store.take_triggers(SECOND, 10, ["near", "far"])) == 1


async def test_the_triggers_of_a_dead_triggerer_are_adopted(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    await deferred(driver, run)
    await driver.tick(12)
    (trigger,) = await taken(driver, FIRST)
    await driver.tick(9)
    assert await driver.store.expire_triggerers(LEASE) == []
    await driver.tick(2)
    assert await driver.store.expire_triggerers(LEASE) == [FIRST]
    assert [found.id for found in await taken(driver, SECOND)] == [trigger.id]
    assert await driver.store.renew_triggerer(FIRST, "host", 10, driver.now)
    assert not await driver.store.renew_triggerer(FIRST, "host", 10, driver.now)
    assert await driver.store.keep_triggers(FIRST) == []


async def test_a_triggerer_that_leaves_gives_its_triggers_up_at_once(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    await deferred(driver, run)
    await taken(driver, FIRST)
    await driver.store.retire_triggerer(FIRST)
    assert len(await taken(driver, SECOND)) == 1


async def test_an_event_sends_the_task_on_with_the_event_among_its_arguments(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    attempt = await deferred(driver, run)
    (trigger,) = await taken(driver)
    outcome = resumed(trigger.id, trigger.next_kwargs, b'{"x":[1]}', log=b'{"event":"said"}\n')
    (answer,) = await driver.store.fire_triggers([outcome], driver.now)
    id_ = TaskInstanceId(run.id, "task")
    assert answer.verdict is Verdict.DONE
    assert answer.ended is not None
    told = (answer.ended.id, answer.ended.owner, answer.ended.attempt_id, answer.ended.state)
    assert told == (id_, driver.scheduler_id, attempt, S.SCHEDULED)
    row = await driver.row(id_)
    assert (row.state, row.end_pending, row.is_resuming, row.attempt_id) == (S.SCHEDULED, True, True, attempt)
    assert await driver.store.keep_triggers(FIRST) == []
    assert await driver.inside.log(attempt) == b'{"event":"said"}\n'
    grant = await going_on(driver, run)
    assert (grant.try_number, grant.next_method, grant.next_kwargs) == (1, "go_on", b'{"a":"b","event":{"x":[1]}}')


async def test_a_task_that_goes_on_and_is_lost_goes_on_there_again(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    await deferred(driver, run)
    (trigger,) = await taken(driver)
    await driver.store.fire_triggers([resumed(trigger.id, trigger.next_kwargs, b"1")], driver.now)
    id_ = TaskInstanceId(run.id, "task")
    first = await going_on(driver, run)
    attempt = (await driver.row(id_)).attempt_id
    assert attempt is not None
    unstarted = {"outcome": Outcome.FAILED, "cause": EndCause.NOT_STARTED}
    assert (await driver.end(run, "task", attempt, **unstarted)).state is S.SCHEDULED
    again = await going_on(driver, run)
    assert (again.next_method, again.next_kwargs) == (first.next_method, first.next_kwargs) != (None, None)


async def going_on(driver: Driver, run: DagRunRow) -> GrantedRun:
    """The task is queued again and claimed."""
    id_, fresh = TaskInstanceId(run.id, "task"), driver.new_id()
    before = await driver.row(id_)
    step = change(
        id_, S.SCHEDULED, S.QUEUED, fresh, expected_attempt_id=before.attempt_id, held_slots=1, resets_losses=False
    )
    result = await driver.commit(run, step, acknowledged=[acknowledged(id_, before.attempt_id, 0)])
    assert type(result).__name__ == "Committed", result
    answer = await driver.claim(run, "task", fresh)
    assert answer.run is not None
    return answer.run


async def test_an_event_counts_once(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    await deferred(driver, run)
    (trigger,) = await taken(driver)
    outcomes = [resumed(trigger.id, b"{}", b"1"), resumed(trigger.id, b"{}", b"2")]
    first, second = await driver.store.fire_triggers(outcomes, driver.now)
    assert (first.verdict, second.verdict) == (Verdict.DONE, Verdict.DONE)
    (again,) = await driver.store.fire_triggers([outcomes[1]], driver.now)
    assert again.verdict is Verdict.SUPERSEDED
    assert (await going_on(driver, run)).next_kwargs == b'{"event":1}'


async def test_an_event_waits_until_the_deferral_is_decided_upon(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    attempt = await deferred(driver, run, is_decided=False)
    (trigger,) = await taken(driver)
    outcome = resumed(trigger.id, b"{}", b"1")
    (early,) = await driver.store.fire_triggers([outcome], driver.now)
    assert early.verdict is Verdict.RETRY
    assert (await driver.row(TaskInstanceId(run.id, "task"))).state is S.DEFERRED
    await driver.commit(run, acknowledged=[acknowledged(TaskInstanceId(run.id, "task"), attempt)])
    (answer,) = await driver.store.fire_triggers([outcome], driver.now)
    assert answer.verdict is Verdict.DONE


async def test_a_failed_trigger_sends_the_task_on_to_fail(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    await deferred(driver, run)
    (trigger,) = await taken(driver)
    await driver.store.fire_triggers([failed(trigger.id, ["ValueError: no"])], driver.now)
    grant = await going_on(driver, run)
    assert grant.next_method == "__fail__"
    assert grant.next_kwargs == b'{"error": "Trigger failure", "traceback": ["ValueError: no"]}'


async def test_a_trigger_may_end_the_task_by_itself(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    await deferred(driver, run)
    (trigger,) = await taken(driver)
    outcome = ended(trigger.id, S.SUCCESS, [("return_value", b"7")])
    (answer,) = await driver.store.fire_triggers([outcome], driver.now)
    assert answer.ended is not None
    assert answer.ended.state is S.SUCCESS
    row = await driver.row(TaskInstanceId(run.id, "task"))
    assert (row.state, row.end_pending) == (S.SUCCESS, True)
    assert await driver.inside.xcoms(run.id) == {("task", "return_value"): b"7"}


async def test_waits_whose_time_is_over_are_found(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    at = driver.now + timedelta(seconds=5)
    await deferred(driver, run, deferral=replace(DEFERRAL, timeout_at=at))
    await deferred(driver, run, "other")
    assert await driver.store.due_triggers(FIRST, at - timedelta(seconds=1), 10) == []
    (due,) = await driver.store.due_triggers(FIRST, at, 10)
    assert due.next_kwargs == b'{"a":"b"}'
    (answer,) = await driver.store.fire_triggers([timed_out(due)], at)
    assert answer.verdict is Verdict.DONE
    assert (await going_on(driver, run)).next_kwargs == b'{"error": "Trigger timeout"}'
    assert await driver.store.due_triggers(FIRST, at, 10) == []


async def test_a_wait_is_ended_by_whoever_runs_its_trigger(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    await deferred(driver, run, deferral=replace(DEFERRAL, timeout_at=driver.now))
    assert len(await driver.store.due_triggers(SECOND, driver.now, 10)) == 1
    await taken(driver, FIRST)
    assert await driver.store.due_triggers(SECOND, driver.now, 10) == []
    assert len(await driver.store.due_triggers(FIRST, driver.now, 10)) == 1


async def test_a_question_for_a_person_is_no_triggerers(driver: Driver) -> None:
    run = await asking(driver)
    assert await taken(driver) == []
    (due,) = await driver.store.due_triggers(FIRST, driver.now, 10)
    (answer,) = await driver.store.fire_triggers([resumed(due.id, due.next_kwargs, b"{}")], driver.now)
    assert answer.verdict is Verdict.DONE
    assert (await driver.row(TaskInstanceId(run.id, "task"))).state is S.SCHEDULED


async def asking(driver: Driver, *, is_decided: bool = True) -> DagRunRow:
    """A run whose task asks a person."""
    run = await driver.started_run(*TASKS)
    asked = replace(DEFERRAL, classpath="", timeout_at=driver.now)
    await deferred(
        driver, run, deferral=asked, outcome=Outcome.AWAITING_INPUT, human_input=QUESTION, is_decided=is_decided
    )
    return run


async def test_an_answer_is_kept_with_its_question_and_counts_once(driver: Driver) -> None:
    run = await asking(driver)
    (due,) = await driver.store.due_triggers(FIRST, driver.now, 10)
    assert (due.human_input, due.answer) == (QUESTION, None)
    (answer,) = await driver.store.fire_triggers([resumed(due.id, b"{}", b"1", answer=YES)], driver.now)
    assert (answer.verdict, answer.is_answered) == (Verdict.DONE, True)
    (late,) = await driver.store.fire_triggers([resumed(due.id, b"{}", b"2", answer=NO)], driver.now)
    assert (late.verdict, late.is_answered) == (Verdict.SUPERSEDED, False)
    assert (await going_on(driver, run)).next_kwargs == b'{"event":1}'


async def test_an_answer_before_the_deferral_is_decided_upon_is_kept_and_due_at_once(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    asked = replace(DEFERRAL, classpath="")
    attempt = await deferred(
        driver, run, deferral=asked, outcome=Outcome.AWAITING_INPUT, human_input=QUESTION, is_decided=False
    )
    assert await driver.store.due_triggers(FIRST, driver.now, 10) == []
    (number_,) = await driver.inside.trigger_ids()
    (early,) = await driver.store.fire_triggers([resumed(number_, b"{}", b"1", answer=YES)], driver.now)
    assert (early.verdict, early.is_answered) == (Verdict.RETRY, True)
    (second,) = await driver.store.fire_triggers([resumed(number_, b"{}", b"2", answer=NO)], driver.now)
    assert (second.verdict, second.is_answered) == (Verdict.RETRY, False)
    (due,) = await driver.store.due_triggers(FIRST, driver.now, 10)
    assert (due.answer, due.answered_at) == (YES, driver.now)
    await driver.commit(run, acknowledged=[acknowledged(TaskInstanceId(run.id, "task"), attempt)])
    (done,) = await driver.store.fire_triggers([resumed(due.id, b"{}", b"3")], driver.now)
    assert done.verdict is Verdict.DONE


async def test_the_trigger_of_a_task_that_waits_no_more_goes(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    attempt = await deferred(driver, run)
    (trigger,) = await taken(driver)
    id_ = TaskInstanceId(run.id, "task")
    await driver.commit(run, change(id_, S.DEFERRED, S.SKIPPED, attempt))
    (answer,) = await driver.store.fire_triggers([resumed(trigger.id, b"{}", b"1")], driver.now)
    assert answer.verdict is Verdict.SUPERSEDED
    assert (await driver.row(id_)).state is S.SKIPPED
    assert await driver.store.keep_triggers(FIRST) == []


async def test_a_triggerer_learns_that_nobody_waits_any_more(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    attempt = await deferred(driver, run)
    await deferred(driver, run, "other")
    first, second = await taken(driver)
    id_ = first.task_instance
    await driver.commit(run, change(id_, S.DEFERRED, S.SKIPPED, attempt))
    assert await driver.store.keep_triggers(FIRST) == [second.id]
    assert await driver.store.keep_triggers(FIRST) == [second.id]


async def test_triggers_that_are_given_back_are_taken_by_others(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    await deferred(driver, run)
    (trigger,) = await taken(driver, FIRST)
    await driver.store.release_triggers(SECOND, [trigger.id])
    assert await taken(driver, SECOND) == []
    await driver.store.release_triggers(FIRST, [trigger.id])
    assert [found.id for found in await taken(driver, SECOND)] == [trigger.id]


async def test_a_task_may_begin_by_waiting(driver: Driver) -> None:
    run = await driver.started_run(*TASKS)
    id_, attempt = TaskInstanceId(run.id, "task"), driver.new_id()
    begun = StartedDeferral(id=id_, attempt_id=attempt, deferral=DEFERRAL)
    step = change(id_, S.NONE, S.DEFERRED, attempt, expected_attempt_id=None, resets_losses=True)
    for expected in ("Committed", "StaleRuns"):
        batch = DecisionBatch(
            scheduler_id=driver.scheduler_id,
            now=driver.now,
            runs=(guard_of(run),),
            created=(created(id_),),
            changes=(step,),
            deferrals=(begun,),
        )
        assert type(await driver.store.commit_decisions(batch)).__name__ == expected
    row = await driver.row(id_)
    assert (row.state, row.try_number, row.held_slots, row.end_pending) == (S.DEFERRED, 1, 0, False)
    (trigger,) = await taken(driver)
    assert (trigger.attempt_id, trigger.classpath, trigger.next_kwargs) == (attempt, "triggers.Soon", b'{"a":"b"}')
    await driver.beat()
    (answer,) = await driver.store.fire_triggers([resumed(trigger.id, trigger.next_kwargs, b"1")], driver.now)
    assert answer.verdict is Verdict.DONE
    grant = await going_on(driver, run)
    assert (grant.try_number, grant.next_method, grant.next_kwargs) == (1, "go_on", b'{"a":"b","event":1}')
    assert grant.first_start_date == driver.now
