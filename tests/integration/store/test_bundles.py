"""Versions of bundles in both stores: what runs are bound to, what is held back, what is removed."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from tests.store_driver import Driver
from tradewind.core.bundles import DAGS_FOLDER_BUNDLE, BundleVersion
from tradewind.core.rows import DagFileParse, DagRunRow, DeferralRecord, EndEffectsRecord
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.core.states import EndCause, Outcome
from tradewind.core.triggers import WaitingTrigger

ONE, TWO, THREE = (
    BundleVersion(name=DAGS_FOLDER_BUNDLE, version=name, digest=f"manifest of {name}") for name in ("1", "2", "3")
)
TASKS = (TaskSpec(task_id="task"),)


async def stored(driver: Driver, version: BundleVersion, *blobs: str, unparsed: tuple[str, ...] = ()) -> list[str]:
    """Store and set a version; returns what of it was missing."""
    missing = await driver.store.begin_bundle_version(version, b"manifest", list(blobs), driver.now)
    await driver.store.write_bundle_blobs(dict.fromkeys(missing, (1, b"content")))
    await driver.store.set_bundle_version(version, unparsed, driver.now)
    return list(missing)


async def parsed(driver: Driver, version: str, tasks: tuple[TaskSpec, ...] = TASKS, **fields: object) -> None:
    spec = DagSpec(dag_id="dag", relative_fileloc="dag.py", tasks=tasks, is_paused_upon_creation=False, **fields)  # pyright: ignore[reportArgumentType] - one flag
    parse = DagFileParse(relative_fileloc="dag.py", file_digest=version, specs=(spec,), bundle_version=version)
    await driver.store.write_dag_files([parse], driver.now)


async def granted(driver: Driver, run_id: str) -> tuple[str | None, str | None]:
    """What a new run of the DAG is bound to, and the content that its attempt is granted."""
    run = await driver.next_run(run_id=run_id)
    await driver.beat()
    (attempt,) = await driver.queue(run, "task")
    answer = await driver.claim(run, "task", attempt)
    assert answer.run is not None
    assert answer.run.bundle_name == DAGS_FOLDER_BUNDLE
    return answer.run.bundle_version, answer.run.bundle_digest


async def deferred_trigger(driver: Driver, run: DagRunRow, attempt: UUID) -> WaitingTrigger:
    """The attempt waits; what a triggerer takes then."""
    deferral = DeferralRecord(classpath="a.B", kwargs=b"{}", next_method="go_on", next_kwargs=b"{}")
    effects = EndEffectsRecord(deferral=deferral)
    await driver.end(run, "task", attempt, outcome=Outcome.DEFERRED, cause=EndCause.NONE, effects=effects)
    await driver.store.renew_triggerer(UUID(int=1), "host", 1, driver.now)
    (trigger,) = await driver.store.take_triggers(UUID(int=1), 1)
    return trigger


async def test_contents_are_stored_once(driver: Driver) -> None:
    assert await stored(driver, ONE, "a", "b") == ["a", "b"]
    assert await stored(driver, TWO, "b", "c") == ["c"]
    assert await driver.store.begin_bundle_version(TWO, b"manifest", ["b", "c"], driver.now) == []


async def test_runs_are_bound_to_what_their_dag_is_when_they_are_made(driver: Driver) -> None:
    await stored(driver, ONE)
    await parsed(driver, "1")
    run = await driver.next_run(run_id="first")
    await stored(driver, TWO)
    assert await granted(driver, "second") == ("2", TWO.digest), "a file changed that no parse reads"
    (attempt,) = await driver.queue(run, "task")
    answer = await driver.claim(run, "task", attempt)
    assert answer.run is not None
    assert (answer.run.bundle_version, answer.run.bundle_digest) == ("1", ONE.digest)
    trigger = await deferred_trigger(driver, run, attempt)
    assert (trigger.bundle_name, trigger.bundle_digest) == (DAGS_FOLDER_BUNDLE, ONE.digest)


async def test_a_dag_whose_file_is_still_to_be_parsed_is_held_back(driver: Driver) -> None:
    await stored(driver, ONE)
    await parsed(driver, "1")
    await stored(driver, TWO, unparsed=("dag.py",))
    assert await granted(driver, "before") == ("1", ONE.digest)
    await driver.store.write_import_error("dag.py", "broken", "Traceback", driver.now)
    await stored(driver, THREE)
    assert await granted(driver, "broken") == ("1", ONE.digest), "its last good parse read that"
    await parsed(driver, "3")
    assert await granted(driver, "after") == ("3", THREE.digest)


async def test_what_was_changed_back_goes_with_its_bundle_again(driver: Driver) -> None:
    await stored(driver, ONE)
    await parsed(driver, "1")
    await stored(driver, TWO, unparsed=("dag.py",))
    await stored(driver, THREE)
    assert await granted(driver, "run") == ("3", THREE.digest)


async def test_without_versioning_runs_take_the_latest(driver: Driver) -> None:
    await stored(driver, ONE)
    await parsed(driver, "1", disable_bundle_versioning=True)
    run = await driver.next_run(run_id="run")
    await stored(driver, TWO)
    await driver.beat()
    (attempt,) = await driver.queue(run, "task")
    answer = await driver.claim(run, "task", attempt)
    assert answer.run is not None
    assert (answer.run.bundle_version, answer.run.bundle_digest) == (None, TWO.digest)


async def test_what_cannot_be_stored_is_run_as_it_stands(driver: Driver) -> None:
    await stored(driver, ONE)
    await parsed(driver, "1")
    await driver.store.set_bundle_error(DAGS_FOLDER_BUNDLE, "too large", driver.now)
    assert await granted(driver, "run") == (None, None)
    await stored(driver, TWO)
    assert await granted(driver, "again") == ("2", TWO.digest)


async def test_a_bundle_that_is_configured_no_more_has_no_current_version(driver: Driver) -> None:
    await stored(driver, ONE)
    await stored(driver, replace(TWO, name="team"))
    await parsed(driver, "1")
    await driver.store.configure_bundles(["team"], {}, driver.now)
    assert await granted(driver, "run") == (None, None)
    later = driver.now + timedelta(seconds=1)
    assert await driver.store.delete_unused_bundles(later, 10) == 0, "the DAG's version names it"
    await driver.store.configure_bundles([DAGS_FOLDER_BUNDLE], {}, driver.now)
    assert await driver.store.delete_unused_bundles(later, 10) == 1, "nothing names that of the other"


async def test_what_is_wrong_with_a_bundle_is_shown_until_it_is_not(driver: Driver) -> None:
    await driver.store.write_import_error("dag.py", "broken", "Traceback", driver.now)
    await driver.store.configure_bundles(["a", "b"], {"a": "not to be had", "b": "neither"}, driver.now)
    assert await driver.inside.import_errors() == {"dag.py": "Traceback", ".a/": "not to be had", ".b/": "neither"}
    await driver.store.retire_dag_files([], driver.now)
    assert await driver.inside.import_errors() == {".a/": "not to be had", ".b/": "neither"}, "it is no file's"
    await driver.store.configure_bundles(["a", "b"], {"a": "still not"}, driver.now)
    assert await driver.inside.import_errors() == {".a/": "still not"}
    await driver.store.configure_bundles(["a", "b"], {}, driver.now)
    assert await driver.inside.import_errors() == {}


async def test_a_file_that_moved_makes_a_version(driver: Driver) -> None:
    await stored(driver, ONE)
    await parsed(driver, "1")
    await driver.next_run(run_id="run")
    await stored(driver, TWO, unparsed=("dag.py",))
    spec = DagSpec(dag_id="dag", relative_fileloc="moved.py", tasks=TASKS)
    parse = DagFileParse(relative_fileloc="moved.py", file_digest="2", specs=(spec,), bundle_version="2")
    await driver.store.write_dag_files([parse], driver.now)
    assert (await driver.inside.dag("dag"))[:2] == (2, "moved.py"), "the run finds its file by the old name"


async def test_what_nothing_names_goes_with_what_it_alone_consists_of(driver: Driver) -> None:
    await stored(driver, ONE, "a", "b")
    await parsed(driver, "1")
    await driver.next_run(run_id="run")
    await stored(driver, TWO, "b", "c")
    await stored(driver, THREE, "b", "d")
    await driver.store.begin_bundle_version(replace(ONE, version="4", digest="half"), b"manifest", ["e"], driver.now)
    later = driver.now + timedelta(seconds=1)
    assert await driver.store.delete_unused_bundles(driver.now, 10) == 0, "not for so long"
    assert await driver.store.delete_unused_bundles(later, 1) == 1
    assert await driver.store.delete_unused_bundles(later, 10) == 1
    again = await driver.store.begin_bundle_version(TWO, b"manifest", ["a", "b", "c", "d"], driver.now)
    assert again == ["c"], "a run names what has a, and d is current"
