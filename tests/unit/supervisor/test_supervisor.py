"""The supervisor against a scripted collector, in virtual time."""

import asyncio

from tests.unit.supervisor.world import Child, World, attempt, in_virtual_time
from tradewind.bus.memory import DeliverPolicy, deliver_at_once
from tradewind.bus.port import Message
from tradewind.core.rows import Verdict
from tradewind.core.states import EndCause, Outcome
from tradewind.task_runner.launcher import Exit
from tradewind.task_runner.log_streams.stream import LogSinkFailed
from tradewind.task_runner.supervising.attempts import Settlement
from tradewind.wire.messages import TaskFinished
from tradewind.wire.queues import CLAIMS, DEAD_LETTER, ENDS, worker_queue


def claimed(world: World) -> list[int]:
    return [item.attempt_id.int for item in world.collector.claims]


def end_of(world: World, number: int) -> TaskFinished:
    return world.collector.ended[attempt(number)]


def lose_all_to(*lost: str) -> DeliverPolicy:
    def deliver(queue: str, message: Message) -> tuple[float, ...]:
        return () if queue in lost else (0.0,)

    return deliver


async def started(world: World, *numbers: int) -> list[Child]:
    world.offer(*numbers)
    return [await world.child(number) for number in numbers]


@in_virtual_time
async def test_an_offer_is_claimed_run_and_reported() -> None:
    async with World() as world:
        world.offer(1)
        child = await world.child(1)
        assert world.settled[1] == [Settlement.CLAIMED]
        assert child.request.grant.token == "token-1"
        child.write(b"hello\n")
        child.finish()
        await world.until(lambda: world.verdicts == {1: Verdict.DONE})
        end = end_of(world, 1)
        assert (end.outcome, end.cause, end.xcoms) == (Outcome.SUCCESS, EndCause.NONE, (("return_value", b"1"),))
        assert end.log_sequence == 0
        assert b'"event":"hello"' in end.log
        assert end.started_at is not None


@in_virtual_time
async def test_nothing_is_claimed_before_the_worker_is_registered() -> None:
    async with World() as world:
        world.collector.is_away = True
        world.offer(1)
        await asyncio.sleep(20)
        assert claimed(world) == []
        world.collector.is_away = False
        await world.child(1)
        assert world.collector.beats[0].attempts == ()


@in_virtual_time
async def test_claims_never_exceed_free_slots_and_everything_that_waits_is_one_request() -> None:
    async with World(concurrency=3) as world:
        await world.until(lambda: bool(world.collector.beats))
        await asyncio.sleep(0.1)
        world.offer(1, 2, 3, 4, 5)
        children = [await world.child(number) for number in (1, 2, 3)]
        await asyncio.sleep(0.5)
        assert [len(request.items) for request in world.collector.requests] == [3]
        children[0].finish()
        children[1].finish()
        await world.child(5)
        assert claimed(world) == [1, 2, 3, 4, 5]


@in_virtual_time
async def test_duplicate_delivery_is_settled_and_runs_once() -> None:
    async with World() as world:
        world.offer(1)
        world.offer(1)
        child = await world.child(1)
        world.offer(1)
        child.finish()
        await world.until(lambda: 1 in world.verdicts)
        assert sorted(world.settled[1]) == [Settlement.CLAIMED, Settlement.DUPLICATE, Settlement.DUPLICATE]
        assert world.launcher.launches == [1]


@in_virtual_time
async def test_superseded_claim_starts_nothing_and_frees_its_slot() -> None:
    async with World(concurrency=1) as world:
        world.collector.void.append(attempt(1))
        world.offer(1, 2)
        await world.child(2)
        assert world.settled[1] == [Settlement.SUPERSEDED]
        assert world.launcher.launches == [2]


@in_virtual_time
async def test_claim_whose_reply_is_lost_is_sent_again_as_it_was() -> None:
    async with World() as world:
        await world.until(lambda: bool(world.collector.beats))
        await asyncio.sleep(0.1)
        world.collector.loses_replies = {CLAIMS: 2}
        world.offer(1)
        await world.child(1)
        first, second, third = world.collector.claims
        assert first == second == third
        assert world.launcher.launches == [1]


@in_virtual_time
async def test_a_late_claim_holds_no_other_up() -> None:
    async with World(concurrency=4) as world:
        await world.until(lambda: bool(world.collector.beats))
        await asyncio.sleep(0.1)
        world.collector.loses_replies = {CLAIMS: 1}
        world.offer(1)
        await asyncio.sleep(0.01)
        since = world.time
        world.offer(2)
        await world.child(2)
        assert world.time - since < 0.5
        await world.child(1)


@in_virtual_time
async def test_end_whose_reply_is_lost_is_reported_again() -> None:
    async with World() as world:
        (child,) = await started(world, 1)
        world.collector.loses_replies = {ENDS: 1}
        child.finish()
        await world.until(lambda: 1 in world.verdicts)
        assert len(world.collector.reports) == 2
        assert world.collector.reports[0] == world.collector.reports[1]


@in_virtual_time
async def test_ends_outlive_a_long_absence_of_the_collector() -> None:
    async with World(concurrency=2) as world:
        children = await started(world, 1, 2)
        world.collector.is_away = True
        for child in children:
            child.finish()
        await asyncio.sleep(3600)
        world.collector.is_away = False
        await world.until(lambda: world.verdicts == {1: Verdict.DONE, 2: Verdict.DONE})
        assert list(world.collector.ended) == [attempt(1), attempt(2)]


@in_virtual_time
async def test_ends_outlive_a_broker_that_loses_everything() -> None:
    async with World(concurrency=2) as world:
        children = await started(world, 1, 2)
        world.broker.stop()
        children[0].finish()
        await asyncio.sleep(600)
        children[1].finish()
        await asyncio.sleep(600)
        world.broker.start()
        await world.until(lambda: len(world.verdicts) == 2)
        assert end_of(world, 1).ended_at < end_of(world, 2).ended_at


@in_virtual_time
async def test_retry_answers_are_asked_again_until_final() -> None:
    async with World() as world:
        world.collector.verdict = Verdict.RETRY
        world.offer(1)
        await world.until(lambda: len(world.collector.claims) > 3)
        world.collector.verdict = None
        child = await world.child(1)
        world.collector.verdict = Verdict.RETRY
        child.finish()
        await world.until(lambda: len(world.collector.reports) > 3)
        world.collector.verdict = None
        await world.until(lambda: world.verdicts == {1: Verdict.DONE})


@in_virtual_time
async def test_kept_ends_stop_claims_before_memory_grows_without_bound() -> None:
    async with World(concurrency=2) as world:
        world.launcher.finishes_at_once = True
        await started(world, 1)
        await world.until(lambda: 1 in world.verdicts)
        world.broker.deliver = lose_all_to(ENDS)
        world.offer(*range(2, 102))
        await asyncio.sleep(60)
        launched = len(world.launcher.launches)
        assert launched <= 1 + 2 * 2 + 16
        world.broker.deliver = deliver_at_once
        await world.until(lambda: len(world.verdicts) == 101)


@in_virtual_time
async def test_a_slot_is_free_as_soon_as_the_child_has_ended() -> None:
    async with World(concurrency=1) as world:
        (child,) = await started(world, 1)
        world.broker.deliver = lose_all_to(ENDS)
        child.finish()
        world.offer(2)
        await world.child(2)
        assert world.verdicts == {}
        world.broker.deliver = deliver_at_once
        await world.until(lambda: world.verdicts == {1: Verdict.DONE})


@in_virtual_time
async def test_heartbeats_name_what_was_granted_and_not_answered() -> None:
    async with World(concurrency=3, heartbeat_seconds=2.0) as world:
        first, second = await started(world, 1, 2)
        world.broker.deliver = lose_all_to(ENDS, CLAIMS)
        first.finish()
        world.offer(3)
        await asyncio.sleep(5)
        assert sorted(world.collector.beats[-1].attempts) == [attempt(1), attempt(2)]
        world.broker.deliver = deliver_at_once
        await world.until(lambda: 1 in world.verdicts)
        second.finish()
        await world.until(lambda: world.collector.beats[-1].attempts == (attempt(3),))


@in_virtual_time
async def test_expired_incarnation_kills_everything_and_registers_anew() -> None:
    async with World(concurrency=3) as world:
        running, ended = await started(world, 1, 2)
        world.broker.deliver = lose_all_to(ENDS)
        ended.finish()
        await asyncio.sleep(0.1)
        old = world.collector.beats[-1].incarnation
        world.collector.expired.append(old)
        await world.until(lambda: bool(running.kills))
        assert running.kills[0][1] <= 1.0
        world.broker.deliver = deliver_at_once
        world.offer(3)
        child = await world.child(3)
        child.finish()
        await world.until(lambda: 3 in world.verdicts)
        new = world.collector.beats[-1].incarnation
        assert new != old
        assert list(world.collector.ended) == [attempt(3)]
        assert world.verdicts == {1: Verdict.SUPERSEDED, 2: Verdict.SUPERSEDED, 3: Verdict.DONE}
        assert world.collector.reports[-1].incarnation == new


@in_virtual_time
async def test_claim_that_finds_the_incarnation_expired_is_made_again_by_the_next() -> None:
    async with World(concurrency=3, heartbeat_seconds=2.0) as world:
        await world.until(lambda: bool(world.collector.beats))
        world.collector.expired.append(world.collector.beats[-1].incarnation)
        world.offer(1)
        await world.child(1)
        assert world.settled[1] == [Settlement.CLAIMED]
        assert len({request.incarnation for request in world.collector.requests}) == 2


@in_virtual_time
async def test_pushed_kill_ends_the_child_and_its_end_is_reported_as_cancelled() -> None:
    async with World(killed_task_cleanup_seconds=7.0) as world:
        child, other = await started(world, 1, 2)
        await world.push_kill([1, 99])
        await world.until(lambda: 1 in world.verdicts)
        assert [grace for _, grace in child.kills] == [7.0]
        assert (end_of(world, 1).outcome, end_of(world, 1).cause) == (Outcome.FAILED, EndCause.CANCELLED)
        assert b"cancelled" in end_of(world, 1).log
        assert other.kills == []
        other.finish()


@in_virtual_time
async def test_kill_that_overtakes_the_grant_ends_the_child_as_soon_as_there_is_one() -> None:
    async with World() as world:
        await world.until(lambda: bool(world.collector.beats))
        await asyncio.sleep(0.1)
        world.collector.reply_seconds = 0.2
        world.offer(1)
        await world.until(lambda: bool(world.collector.claims))
        await world.push_kill([1])
        child = await world.child(1)
        await world.until(lambda: bool(child.kills))
        await world.until(lambda: 1 in world.verdicts)
        assert end_of(world, 1).cause == EndCause.CANCELLED


@in_virtual_time
async def test_revoked_attempt_is_claimed_and_ends_as_cancelled_without_a_child() -> None:
    async with World(concurrency=1) as world:
        (running,) = await started(world, 1)
        world.offer(2)
        world.supervisor.revoke([attempt(1), attempt(2)])
        running.finish()
        await world.until(lambda: 2 in world.verdicts)
        assert world.launcher.launches == [1]
        assert running.kills == []
        assert (end_of(world, 2).outcome, end_of(world, 2).cause) == (Outcome.FAILED, EndCause.CANCELLED)
        assert end_of(world, 2).started_at is None
        assert b"revoked" in end_of(world, 2).log


@in_virtual_time
async def test_terminated_attempt_is_ended_and_is_revoked_should_it_be_offered_again() -> None:
    async with World(killed_task_cleanup_seconds=7.0) as world:
        (running,) = await started(world, 1)
        assert world.supervisor.pids == {attempt(1): 4711}
        world.supervisor.terminate([attempt(1), attempt(5)])
        await world.until(lambda: 1 in world.verdicts)
        assert [grace for _, grace in running.kills] == [7.0]
        assert end_of(world, 1).cause == EndCause.CANCELLED
        assert world.supervisor.revoked == (attempt(1), attempt(5))
        world.offer(5)
        await world.until(lambda: 5 in world.verdicts)
        assert world.launcher.launches == [1]


@in_virtual_time
async def test_slots_and_queues_change_while_it_runs_and_heartbeats_say_so() -> None:
    async with World(concurrency=1, heartbeat_seconds=2.0) as world:
        first, *_ = await started(world, 1)
        world.offer(2, 3)
        world.supervisor.set_concurrency(2)
        second = await world.child(2)
        assert world.supervisor.concurrency == 2
        world.supervisor.set_concurrency(1)
        world.supervisor.set_queues(["a", "b"])
        await asyncio.sleep(5)
        assert (first.kills, second.kills) == ([], [])
        assert (world.collector.beats[-1].concurrency, world.collector.beats[-1].queues) == (1, ("a", "b"))
        first.finish()
        await world.until(lambda: 1 in world.verdicts)
        assert world.launcher.launches == [1, 2]
        second.finish()
        await world.child(3)


@in_virtual_time
async def test_kill_in_a_heartbeat_reply_ends_the_child_once() -> None:
    async with World(heartbeat_seconds=1.0) as world:
        (child,) = await started(world, 1)
        child.dies_when_killed = False
        world.collector.kill = (attempt(1),)
        await asyncio.sleep(5)
        assert len(child.kills) == 1
        child.exit(Exit(signal=9))
        await world.until(lambda: 1 in world.verdicts)


@in_virtual_time
async def test_success_stands_though_a_kill_was_under_way() -> None:
    async with World() as world:
        (child,) = await started(world, 1)
        child.dies_when_killed = False
        await world.push_kill([1])
        await world.until(lambda: bool(child.kills))
        child.finish()
        await world.until(lambda: 1 in world.verdicts)
        assert end_of(world, 1).outcome == Outcome.SUCCESS


@in_virtual_time
async def test_undecodable_kill_goes_to_the_dead_letter_queue() -> None:
    async with World() as world:
        await world.until(lambda: bool(world.collector.beats))
        await world.bus.publish(worker_queue("worker-1"), [Message(body=b"nonsense")])
        await world.until(lambda: world.broker.depth(DEAD_LETTER) == 1)


@in_virtual_time
async def test_child_that_cannot_be_made_has_not_started() -> None:
    async with World() as world:
        world.launcher.fails = True
        world.offer(1)
        await world.until(lambda: 1 in world.verdicts)
        end = end_of(world, 1)
        assert (end.outcome, end.cause, end.started_at) == (Outcome.FAILED, EndCause.NOT_STARTED, None)
        assert b"no more processes" in end.log


@in_virtual_time
async def test_stop_waits_for_running_attempts_and_says_goodbye() -> None:
    async with World(concurrency=1, shutdown_grace_seconds=100.0) as world:
        (child,) = await started(world, 1)
        world.offer(2)
        world.stop.set()
        await asyncio.sleep(50)
        world.offer(3)
        assert world.settled == {
            1: [Settlement.CLAIMED],
            2: [Settlement.HANDED_BACK],
            3: [Settlement.HANDED_BACK],
        }
        assert not world.has_left
        child.finish()
        await world.leave()
        assert end_of(world, 1).outcome == Outcome.SUCCESS
        assert child.kills == []
        last = world.collector.beats[-1]
        assert (last.leaving, last.attempts) == (True, ())


@in_virtual_time
async def test_overtime_holds_a_slot_and_not_the_end() -> None:
    async with World(concurrency=1) as world:
        (child,) = await started(world, 1)
        child.write(b"work\n")
        child.finish(overtime_seconds=20.0)
        world.offer(2)
        await world.until(lambda: world.verdicts == {1: Verdict.DONE})
        assert world.logs.calls == []
        child.write(b"callback\n")
        await world.until(lambda: (1, 1) in world.logs.chunks)
        world.offer(1)
        child.write(b"last words")
        await asyncio.sleep(5)
        assert claimed(world) == [1]
        child.exit(Exit(code=0))
        await world.child(2)
        end = end_of(world, 1)
        assert (end.outcome, end.log_sequence, b"work" in end.log) == (Outcome.SUCCESS, 0, True)
        later = b"".join(chunk for place, chunk in sorted(world.logs.chunks.items()) if place[0] == 1)
        assert [word in later for word in (b"work", b"callback", b"last words")] == [False, True, True]
        assert len(world.collector.ended) == 1
        assert world.settled[1] == [Settlement.CLAIMED, Settlement.DUPLICATE]
        (await world.child(2)).finish()


@in_virtual_time
async def test_a_crash_in_overtime_changes_nothing_and_is_in_the_log() -> None:
    async with World() as world:
        quiet, crashed = await started(world, 1, 2)
        quiet.finish(overtime_seconds=20.0)
        quiet.exit(Exit(code=0))
        crashed.finish(overtime_seconds=20.0)
        crashed.exit(Exit(signal=9))
        await world.until(lambda: (2, 1) in world.logs.chunks)
        assert [end_of(world, number).outcome for number in (1, 2)] == [Outcome.SUCCESS] * 2
        assert list(world.logs.chunks) == [(2, 1)]
        assert b"was ended by SIGKILL before all callbacks and listeners were called" in world.logs.chunks[2, 1]


@in_virtual_time
async def test_stop_waits_for_overtime_though_the_grace_is_over() -> None:
    async with World(shutdown_grace_seconds=0.0) as world:
        (child,) = await started(world, 1)
        child.finish(overtime_seconds=20.0)
        await world.until(lambda: world.verdicts == {1: Verdict.DONE})
        world.stop.set()
        await asyncio.sleep(15)
        assert not world.has_left
        child.write(b"callback\n")
        child.exit(Exit(code=0))
        await world.leave()
        assert child.kills == []
        assert b"callback" in world.logs.chunks[1, 1]


@in_virtual_time
async def test_log_of_overtime_that_is_refused_holds_nothing_up() -> None:
    async with World(concurrency=1) as world:
        (child,) = await started(world, 1)
        world.logs.failure = LogSinkFailed("another attempt is current", retryable=False)
        child.finish(overtime_seconds=20.0)
        child.write(b"callback\n")
        child.exit(Exit(code=0))
        world.offer(2)
        await world.child(2)
        assert world.logs.chunks == {}
        (await world.child(2)).finish()


@in_virtual_time
async def test_stop_preempts_what_outlasts_the_grace() -> None:
    async with World(shutdown_grace_seconds=10.0) as world:
        (child,) = await started(world, 1)
        since = world.time
        await world.leave()
        assert child.kills[0][0] - since == 10.0
        end = end_of(world, 1)
        assert (end.outcome, end.cause) == (Outcome.FAILED, EndCause.PREEMPTED)
        assert world.collector.beats[-1].leaving


@in_virtual_time
async def test_worker_that_is_asked_to_drain_finishes_what_runs_and_leaves() -> None:
    async with World() as world:
        (child,) = await started(world, 1)
        world.collector.drain = True
        await world.until(lambda: world.collector.beats[-1].draining)
        assert child.kills == []
        child.finish()
        await world.leave()
        assert end_of(world, 1).outcome == Outcome.SUCCESS
        assert world.collector.beats[-1].leaving


@in_virtual_time
async def test_grant_that_comes_after_the_stop_is_given_back_as_not_started() -> None:
    async with World() as world:
        await world.until(lambda: bool(world.collector.beats))
        await asyncio.sleep(0.1)
        world.collector.loses_replies = {CLAIMS: 1}
        world.offer(1)
        await world.until(lambda: bool(world.collector.claims))
        await world.leave()
        assert world.launcher.launches == []
        assert end_of(world, 1).cause == EndCause.NOT_STARTED


@in_virtual_time
async def test_stop_without_a_collector_ends_in_bounded_time_and_claims_nothing_more() -> None:
    async with World(shutdown_grace_seconds=5.0) as world:
        (child,) = await started(world, 1)
        world.collector.is_away = True
        child.finish()
        since = world.time
        await world.leave()
        assert world.time - since < 60
        assert not any(beat.leaving for beat in world.collector.beats)


@in_virtual_time
async def test_saturation_is_told_and_offers_can_be_handed_back() -> None:
    async with World(concurrency=1, hand_back_after_seconds=1.0) as world:
        (child,) = await started(world, 1)
        world.offer(2)
        assert not world.supervisor.room.is_set()
        await asyncio.sleep(0.9)
        assert not world.supervisor.saturated.is_set()
        await world.supervisor.saturated.wait()
        child.finish()
        await world.supervisor.room.wait()
        await world.child(2)
        assert not world.supervisor.saturated.is_set()


@in_virtual_time
async def test_dag_file_is_prepared_when_an_attempt_is_offered() -> None:
    async with World() as world:
        world.collector.is_away = True
        world.offer(1, 2)
        assert [path.name for path in world.launcher.prepared] == ["file.py"]
        world.collector.is_away = False
