"""Watchers of assets: who runs them, and what becomes of their events."""

from datetime import timedelta

from tests.store_driver import LEASE, Driver, number
from tradewind.core.spec import AssetRef, AssetWatcherSpec, TaskSpec, TimetableSpec
from tradewind.core.triggers import WatchedEvent

FIRST, SECOND = number(0x71), number(0x72)
WATCHER = AssetWatcherSpec(name="w", classpath="a.Watch", kwargs={"path": "p"})


async def watching_dag(driver: Driver, *watchers: AssetWatcherSpec, dag_id: str = "dag") -> None:
    """A DAG that waits for one asset with these watchers."""
    asset = AssetRef(name="a", uri="x://a", watchers=watchers)
    await driver.write_dag(
        TaskSpec(task_id="task"),
        dag_id=dag_id,
        timetable=TimetableSpec(kind="assets"),
        asset_condition={"asset": {"name": "a", "uri": "x://a", "group": "asset"}},
        schedule_assets=(asset,),
    )


async def test_a_watcher_is_taken_kept_and_released(driver: Driver) -> None:
    await watching_dag(driver, WATCHER)
    assert await driver.store.take_watchers(FIRST, 5) == []
    await driver.store.renew_triggerer(FIRST, "host", 10, driver.now)
    (watcher,) = await driver.store.take_watchers(FIRST, 5)
    found = (watcher.name, watcher.asset_name, watcher.asset_uri, watcher.classpath, watcher.kwargs)
    assert found == ("w", "a", "x://a", "a.Watch", b'{"path":"p"}')
    assert await driver.store.keep_watchers(FIRST) == [watcher.id]
    await driver.store.renew_triggerer(SECOND, "host", 10, driver.now)
    assert await driver.store.take_watchers(SECOND, 5) == []
    await driver.store.release_watchers(FIRST, [watcher.id])
    assert [each.id for each in await driver.store.take_watchers(SECOND, 5)] == [watcher.id]


async def test_the_watchers_of_a_dead_triggerer_are_anybodys(driver: Driver) -> None:
    await watching_dag(driver, WATCHER)
    await driver.tick(12)
    await driver.store.renew_triggerer(FIRST, "host", 10, driver.now)
    (watcher,) = await driver.store.take_watchers(FIRST, 5)
    await driver.tick(11)
    await driver.store.expire_triggerers(LEASE)
    await driver.store.renew_triggerer(SECOND, "host", 10, driver.now)
    assert [each.id for each in await driver.store.take_watchers(SECOND, 5)] == [watcher.id]


async def test_a_watcher_that_changed_is_taken_anew_and_one_that_is_gone_is_not_kept(driver: Driver) -> None:
    other = AssetWatcherSpec(name="other", classpath="a.Watch")
    await watching_dag(driver, WATCHER, other)
    await driver.store.renew_triggerer(FIRST, "host", 10, driver.now)
    first, second = await driver.store.take_watchers(FIRST, 5)
    assert (first.name, second.name) == ("w", "other")
    driver.now += timedelta(seconds=1)
    await watching_dag(driver, AssetWatcherSpec(name="w", classpath="a.Watch", kwargs={"path": "q"}))
    assert await driver.store.keep_watchers(FIRST) == []
    (again,) = await driver.store.take_watchers(FIRST, 5)
    assert (again.id, again.kwargs) == (first.id, b'{"path":"q"}')


async def test_events_of_ones_own_watchers_are_queued_for_the_dags(driver: Driver) -> None:
    await watching_dag(driver, WATCHER)
    await driver.store.renew_triggerer(FIRST, "host", 10, driver.now)
    (watcher,) = await driver.store.take_watchers(FIRST, 5)
    events = [WatchedEvent(watcher_id=watcher.id, payload=b'{"n":1}'), WatchedEvent(watcher_id=77, payload=b"1")]
    assert list(await driver.store.record_watched(SECOND, events, driver.now)) == []
    assert list(await driver.store.record_watched(FIRST, events, driver.now)) == ["dag"]
    runs = await driver.store.create_asset_runs("dag", driver.now)
    assert runs.made == 1
