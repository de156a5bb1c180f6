"""DAG files: versions, import errors, what leaves."""

from dataclasses import replace

from tests.store_driver import Driver, number
from tradewind.core.rows import DagFileParse, DagFileRow
from tradewind.core.spec import DagSpec, TaskSpec

TASK = TaskSpec(task_id="task")


async def test_a_new_dag_is_paused_unless_it_says_otherwise(driver: Driver) -> None:
    await driver.write_dag(TASK, is_paused_upon_creation=None)
    assert await driver.inside.dag("dag") == (1, "dag.py", True, False, False)
    await driver.write_dag(TASK, dag_id="other", is_paused_upon_creation=False)
    assert (await driver.inside.dag("other"))[2] is False
    await driver.inside.pause("dag", is_paused=False)
    await driver.write_dag(TASK, is_paused_upon_creation=True)
    assert (await driver.inside.dag("dag"))[2] is False, "people decide afterwards"


async def test_parsing_the_same_again_changes_nothing(driver: Driver) -> None:
    spec = await driver.write_dag(TASK)
    assert await driver.store.write_dag_file("dag.py", "digest 2", [spec], driver.now) == []
    assert await driver.store.load_file_digests() == {"dag.py": "digest 2"}
    changed = replace(spec, description="new")
    assert await driver.store.write_dag_file("dag.py", "digest 3", [changed], driver.now) == ["dag"]


async def test_a_changed_structure_makes_a_version_only_if_the_current_one_has_runs(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.write_dag(TASK, TaskSpec(task_id="second"))
    assert (await driver.inside.dag("dag"))[0] == 2
    await driver.write_dag(TASK, TaskSpec(task_id="third"))
    assert (await driver.inside.dag("dag"))[0] == 2, "nobody has run version 2"
    next_run = await driver.next_run(run_id="second")
    specs = await driver.store.load_dag_specs([run.dag_version_id, next_run.dag_version_id])
    assert [task.task_id for task in specs[run.dag_version_id].tasks] == ["task"]
    assert [task.task_id for task in specs[next_run.dag_version_id].tasks] == ["task", "third"]


async def test_texts_make_no_version(driver: Driver) -> None:
    await driver.started_run(TASK)
    await driver.write_dag(replace(TASK, doc_md="new", ui_color="#000"), description="new", tags=("a", "b"))
    assert (await driver.inside.dag("dag"))[0] == 1
    await driver.write_dag(replace(TASK, retries=3))
    assert (await driver.inside.dag("dag"))[0] == 2


async def test_a_broken_file_keeps_the_last_good_version(driver: Driver) -> None:
    spec = await driver.write_dag(TASK)
    await driver.store.write_import_error("dag.py", "bad", "Traceback \x00 …", driver.now)
    assert await driver.inside.dag("dag") == (1, "dag.py", False, False, True)
    (error,) = (await driver.inside.import_errors()).items()
    assert error[0] == "dag.py"
    assert "Traceback" in error[1]
    assert await driver.store.load_file_digests() == {"dag.py": "bad"}
    await driver.store.write_dag_file("dag.py", "good", [spec], driver.now)
    assert await driver.inside.import_errors() == {}
    assert await driver.inside.dag("dag") == (1, "dag.py", False, False, False)


async def test_a_dag_that_left_its_file_is_stale_until_it_returns(driver: Driver) -> None:
    spec = await driver.write_dag(TASK)
    assert await driver.store.write_dag_file("dag.py", "2", [], driver.now) == ["dag"]
    assert (await driver.inside.dag("dag"))[3] is True
    assert await driver.store.write_dag_file("dag.py", "2", [], driver.now) == []
    assert await driver.store.write_dag_file("dag.py", "3", [spec], driver.now) == ["dag"]
    assert (await driver.inside.dag("dag"))[3] is False


async def test_a_dag_that_moved_belongs_to_its_new_file(driver: Driver) -> None:
    spec = await driver.write_dag(TASK)
    moved = replace(spec, relative_fileloc="new.py")
    assert await driver.store.write_dag_file("new.py", "1", [moved], driver.now) == ["dag"]
    assert await driver.store.write_dag_file("dag.py", "2", [], driver.now) == []
    assert (await driver.inside.dag("dag"))[1:4] == ("new.py", False, False)
    assert await driver.store.retire_dag_files(["new.py"], driver.now) == []


async def test_files_that_are_gone_retire_their_dags(driver: Driver) -> None:
    await driver.write_dag(TASK)
    await driver.write_dag(TASK, dag_id="other")
    await driver.store.write_import_error("broken.py", "x", "Traceback", driver.now)
    assert await driver.store.retire_dag_files(["other.py"], driver.now) == ["dag"]
    assert await driver.inside.import_errors() == {}
    assert await driver.store.load_file_digests() == {"other.py": "digest"}
    assert (await driver.inside.dag("dag"))[3] is True
    assert (await driver.inside.dag("other"))[3] is False


async def test_runs_of_a_stale_dag_wait(driver: Driver) -> None:
    await driver.write_dag(TASK)
    await driver.inside.create_dag_run("dag", "run", driver.now)
    await driver.store.retire_dag_files([], driver.now)
    await driver.store.renew_scheduler(driver.scheduler_id, driver.now)
    assert await driver.store.start_dag_runs(driver.scheduler_id, None, driver.now, 10) == []


async def test_a_batch_of_files_is_written_in_order(driver: Driver) -> None:
    def parse(file: str, *ids: str, stacktrace: str | None = None, **dependencies: str) -> DagFileParse:
        specs = tuple(DagSpec(dag_id=id_, relative_fileloc=file, tasks=(TASK,)) for id_ in ids)
        return DagFileParse(
            relative_fileloc=file, file_digest="d", specs=specs, stacktrace=stacktrace, dependencies=dependencies
        )

    await driver.store.write_dag_files([parse("partly.py", "one", "two")], driver.now)
    changed = await driver.store.write_dag_files(
        [
            parse("a.py", "a", helper="1"),
            parse("b.py", "b", "a"),
            parse("partly.py", "one", stacktrace="two was refused"),
            parse("bad.py", stacktrace="Traceback"),
        ],
        driver.now,
    )
    assert changed == ["a", "b"]
    assert await driver.store.load_dag_files() == [
        DagFileRow(relative_fileloc="a.py", file_digest="d", dependencies={"helper": "1"}),
        DagFileRow(relative_fileloc="b.py", file_digest="d", dag_ids=("a", "b")),
        DagFileRow(relative_fileloc="bad.py", file_digest="d"),
        DagFileRow(relative_fileloc="partly.py", file_digest="d", dag_ids=("one", "two")),
    ]
    assert await driver.inside.import_errors() == {"partly.py": "two was refused", "bad.py": "Traceback"}


async def test_service_heartbeats_can_be_repeated(driver: Driver) -> None:
    for _ in range(2):
        await driver.store.record_service_heartbeat("dag_processor", number(1), driver.now)
