"""The triggerer's service with real children: events, failures, people, blocking, dying, sharing."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from prometheus_client import CollectorRegistry

from tests.integration.triggerer.conftest import Rig
from tests.polling import poll_until
from tests.servers.process import has_word
from tradewind.bus.memory import MemoryBus
from tradewind.bus.port import Message
from tradewind.core.spec import AssetRef, AssetWatcherSpec, TaskSpec, TimetableSpec
from tradewind.core.states import TaskInstanceState
from tradewind.core.triggers import TriggerAnswer, TriggerOutcome, WaitingTrigger
from tradewind.db.memory.store import MemoryStore
from tradewind.db.pool import InvalidValue
from tradewind.db.store import StoreUnavailable
from tradewind.wire.codec import encode
from tradewind.wire.messages import TriggersCreated
from tradewind.wire.queues import EVENTS


async def test_an_event_sends_the_task_on_and_the_owner_hears_of_it(rig: Rig) -> None:
    attempt = await rig.deferred("Fire", event={"x": 1})
    async with rig.owner() as heard, rig.triggerer():
        event, _ = await rig.event(attempt)
        assert event == {"x": 1}
        await poll_until(lambda: bool(heard))
    (item,) = heard[0].items
    assert (item.attempt_id, item.state) == (attempt, "scheduled")
    assert rig.store.tables.triggers == {}


async def test_many_tasks_wait_for_equal_triggers(rig: Rig) -> None:
    attempts = [await rig.deferred("Fire", event=1) for _ in range(30)]
    async with rig.triggerer(max_trigger_to_select_per_loop=7):
        events = [await rig.event(attempt) for attempt in attempts]
    assert {event for event, _ in events} == {1}
    assert len({pid for _, pid in events}) == 1


async def test_a_message_makes_a_triggerer_look_at_once(rig: Rig) -> None:
    async with rig.triggerer(sweep_interval_seconds=60):
        first = await rig.deferred("Fire", event=1)
        bus = MemoryBus(rig.broker)

        async def has_fired() -> bool:
            await bus.broadcast(EVENTS, Message(body=encode(TriggersCreated(count=1))))
            return rig.row(first).state is TaskInstanceState.SCHEDULED

        await poll_until(has_fired)


async def test_an_event_that_comes_before_the_deferral_is_decided_upon_is_kept(rig: Rig) -> None:
    registry = CollectorRegistry()
    attempt = await rig.deferred("Fire", event=1, is_decided=False)
    async with rig.triggerer(registry):
        await poll_until(
            lambda: (registry.get_sample_value("tradewind_triggerer_outcomes_total", {"verdict": "retry"}) or 0) >= 2
        )
        assert rig.row(attempt).state is TaskInstanceState.DEFERRED
        await rig.decide(attempt)
        assert (await rig.event(attempt))[0] == 1


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [
        ("Odd", "must be an asynchronous generator"),
        ("NoEvent", "must yield a TriggerEvent, not str"),
        ("Missing", "has no trigger class 'Missing'"),
        ("nowhere.Trigger", "No module named 'nowhere'"),
        ("Fire", "has no attribute 'event'"),
    ],
)
async def test_a_trigger_that_cannot_run_fails_its_task_with_the_reason(rig: Rig, trigger: str, reason: str) -> None:
    attempt = await rig.deferred(trigger)
    async with rig.triggerer():
        assert reason in await rig.event(attempt)
    assert rig.row(attempt).next_method == "__fail__"


async def test_a_wait_that_is_over_ends_its_trigger_without_on_kill(rig: Rig) -> None:
    attempt = await rig.deferred("Wait", is_due=True, path="/nowhere", notes=str(rig.notes))
    async with rig.triggerer():
        assert await rig.event(attempt) == ""
    assert rig.row(attempt).next_kwargs == b'{"error": "Trigger timeout"}'
    assert "killed" not in rig.notes.read_text()


async def test_what_a_person_ends_is_killed_and_cleaned_up(rig: Rig) -> None:
    attempt = await rig.deferred("Wait", path="/nowhere", notes=str(rig.notes))
    async with rig.triggerer():
        await poll_until(lambda: "runs" in rig.notes.read_text())
        rig.row(attempt).state = TaskInstanceState.NONE
        await poll_until(lambda: rig.notes.read_text().split("\n")[:3] == ["runs", "killed", "cleaned up"])
    assert rig.store.tables.triggers == {}


async def test_a_triggerer_that_stops_leaves_its_triggers_to_others(rig: Rig) -> None:
    there = rig.folder / "there"
    attempt = await rig.deferred("Wait", path=str(there), notes=str(rig.notes))
    async with rig.triggerer():
        await poll_until(lambda: "runs" in rig.notes.read_text())
    assert "killed" not in rig.notes.read_text()
    assert "cleaned up" in rig.notes.read_text()
    assert [trigger.triggerer_id for trigger in rig.store.tables.triggers.values()] == [None]
    there.touch()
    async with rig.triggerer():
        assert isinstance(await rig.event(attempt), int)


async def test_two_triggerers_share(rig: Rig) -> None:
    there = rig.folder / "there"
    attempts = [await rig.deferred("Wait", path=str(there), notes=str(rig.notes)) for _ in range(4)]
    async with rig.triggerer(capacity=2), rig.triggerer(capacity=2):
        await poll_until(lambda: rig.notes.read_text().count("runs") == 4)
        there.touch()
        pids = [await rig.event(attempt) for attempt in attempts]
    assert sorted(pids.count(pid) for pid in dict.fromkeys(pids)) == [2, 2]


async def test_a_full_triggerer_takes_the_next_when_one_has_fired(rig: Rig) -> None:
    attempts = [await rig.deferred("Fire", event=index) for index in range(3)]
    async with rig.triggerer(capacity=1):
        assert [(await rig.event(attempt))[0] for attempt in attempts] == [0, 1, 2]


async def test_a_trigger_that_blocks_is_named_and_the_others_go_on(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    there, registry = rig.folder / "there", CollectorRegistry()
    blocking = await rig.deferred("Block", path=str(there))
    async with rig.triggerer(registry, block_seconds=0.3):
        await poll_until(lambda: registry.get_sample_value("tradewind_triggerer_isolated") == 1)
        other = await rig.deferred("Fire", event="other")
        _, pid = await rig.event(other)
        assert rig.row(blocking).state is TaskInstanceState.DEFERRED
        there.touch()
        assert await rig.event(blocking) != pid
        await poll_until(lambda: registry.get_sample_value("tradewind_triggerer_isolated") == 0)
    said = capsys.readouterr().out
    assert "trigger.blocked" in said
    assert "the_triggers.Block" in said


async def test_triggers_that_were_under_way_run_again_beside_the_one_that_blocks(rig: Rig) -> None:
    there, other_there = rig.folder / "there", rig.folder / "other"
    other = await rig.deferred("Wait", path=str(other_there), notes=str(rig.notes))
    async with rig.triggerer(block_seconds=0.3):
        await poll_until(lambda: "runs" in rig.notes.read_text())
        blocking = await rig.deferred("Block", path=str(there))
        await poll_until(lambda: rig.notes.read_text().count("runs") == 2)
        other_there.touch()
        pid = await rig.event(other)
        there.touch()
        assert await rig.event(blocking) != pid


async def test_more_that_block_than_may_have_their_own_process_fail(rig: Rig) -> None:
    first = await rig.deferred("Block", path="/nowhere")
    async with rig.triggerer(block_seconds=0.3, isolated_max=0):
        assert "blocked the event loop for" in await rig.event(first)
        other = await rig.deferred("Fire", event="other")
        assert (await rig.event(other))[0] == "other"


async def test_a_trigger_that_kills_its_process_does_so_alone(rig: Rig) -> None:
    there = rig.folder / "there"
    other = await rig.deferred("Wait", path=str(there), notes=str(rig.notes))
    async with rig.triggerer():
        await poll_until(lambda: "runs" in rig.notes.read_text())
        dying = await rig.deferred("Die")
        assert "ended its process: SIGKILL" in await rig.event(dying)
        there.touch()
        assert isinstance(await rig.event(other), int)


async def test_when_the_process_of_all_is_killed_all_run_again(rig: Rig) -> None:
    there = rig.folder / "there"
    attempt = await rig.deferred("Wait", path=str(there), notes=str(rig.notes))
    async with rig.triggerer():
        await poll_until(lambda: "runs" in rig.notes.read_text())
        for child in psutil.Process().children():
            if has_word(child, "tradewind.triggerer.child"):
                child.kill()
        await poll_until(lambda: rig.notes.read_text().count("runs") == 2)
        there.touch()
        assert isinstance(await rig.event(attempt), int)


class FaultyStore(MemoryStore):
    """Loses the first answer to each of its questions, and refuses some values."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = {"take": 1, "fire": 3}

    async def take_triggers(
        self, triggerer_id: UUID, limit: int, queues: Sequence[str] | None = None
    ) -> Sequence[WaitingTrigger]:
        taken = await super().take_triggers(triggerer_id, limit, queues)
        self._lose_answer("take")
        return taken

    async def fire_triggers(self, outcomes: Sequence[TriggerOutcome], now: datetime) -> Sequence[TriggerAnswer]:
        self._lose_answer("fire")
        if any(b"unstorable" in (outcome.next_kwargs or b"") for outcome in outcomes):
            raise InvalidValue("no column can hold this")
        return await super().fire_triggers(outcomes, now)

    def _lose_answer(self, what: str) -> None:
        self.lost[what] -= 1
        if self.lost[what] >= 0:
            raise StoreUnavailable("away")


async def test_nothing_is_lost_while_the_store_is_away(rig: Rig, tmp_path: Path) -> None:
    faulty = Rig(tmp_path, store=FaultyStore(), broker=rig.broker)
    await faulty.store.set_parallelism(0)
    attempt = await faulty.deferred("Fire", event=1)
    async with faulty.triggerer():
        assert (await faulty.event(attempt))[0] == 1


async def test_an_event_that_cannot_be_stored_fails_its_task_alone(rig: Rig, tmp_path: Path) -> None:
    faulty = Rig(tmp_path, store=FaultyStore(), broker=rig.broker)
    await faulty.store.set_parallelism(0)
    good, bad = await faulty.deferred("Fire", event=1), await faulty.deferred("Fire", event="unstorable")
    async with faulty.triggerer():
        assert (await faulty.event(good))[0] == 1
        assert "cannot be stored" in await faulty.event(bad)


async def watching(rig: Rig, **kwargs: object) -> None:
    """A DAG whose schedule is an asset that is watched."""
    watcher = AssetWatcherSpec(name="w", classpath="the_triggers.Watch", kwargs={"notes": str(rig.notes), **kwargs})
    await rig.driver.write_dag(
        TaskSpec(task_id="task"),
        dag_id="consumer",
        timetable=TimetableSpec(kind="assets"),
        asset_condition={"asset": {"name": "a", "uri": "x://a", "group": "asset"}},
        schedule_assets=(AssetRef(name="a", uri="x://a", watchers=(watcher,)),),
    )


async def test_a_watcher_makes_events_of_its_asset_again_and_again(rig: Rig) -> None:
    rig.notes.write_text("first\nsecond\n")
    await watching(rig)
    events = rig.store.tables.assets.events
    async with rig.triggerer():
        await poll_until(lambda: len(events) >= 4)
    extras = [event.extra for event in list(events.values())[:4]]
    said = [{"from_trigger": True, "payload": {"line": line}} for line in ("first", "second")]
    assert extras == said + said


async def test_a_watcher_that_fails_is_named_and_runs_anew_when_it_has_changed(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.notes.write_text("line\n")
    await watching(rig, fail=True)
    async with rig.triggerer():
        said = list[str]()

        def has_failed() -> bool:
            said.append(capsys.readouterr().out)
            return "cannot watch" in "".join(said)

        await poll_until(has_failed)
        await watching(rig)
        await poll_until(lambda: bool(rig.store.tables.assets.events))
    assert "watcher.failed" in "".join(said)
