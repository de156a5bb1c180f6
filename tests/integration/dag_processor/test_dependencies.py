"""A parse is valid while what it read is unchanged: modules, data files, folders, the owners of DAG ids."""

from pathlib import Path

from tests.integration.dag_processor.running import DagTables, dag_text, running_processor
from tests.polling import poll_until
from tradewind.dag_processor.parse_queue import BURST

IMPORTS_HELPER = dag_text("x", top="from team.naming import NAME").replace("'x'", "NAME")


async def test_a_changed_module_parses_the_files_that_import_it_and_no_others(tables: DagTables, folder: Path) -> None:
    async with running_processor(tables, folder) as processor:
        await processor.until_watching()
        processor.write("team/naming.py", "from team.parts import PART\nNAME = 'etl_' + PART\n")
        processor.write("team/parts.py", "PART = '1'\n")
        processor.write("importer.py", IMPORTS_HELPER)
        processor.write("other.py", dag_text("other"))
        await processor.until_dags("importer.py", "etl_1")
        await processor.until_dags("other.py", "other")
        before = processor.parsed()
        for number in (2, 3):  # equal size, within one second: bytecode must not be taken for current
            processor.write("team/parts.py", f"PART = '{number}'\n")
            await processor.until_dags("importer.py", f"etl_{number}")
        assert processor.parsed() == before + 2


async def test_a_module_that_comes_later_mends_the_import_error(tables: DagTables, folder: Path) -> None:
    async with running_processor(tables, folder) as processor:
        await processor.until_watching()
        processor.write("importer.py", IMPORTS_HELPER)
        await processor.until_error("importer.py", "No module named 'team'")
        processor.write("team/naming.py", "NAME = 'etl'\n")
        await processor.until_dags("importer.py", "etl")
        await processor.until_no_error("importer.py")


async def test_a_broken_module_is_reported_and_its_repair_seen(tables: DagTables, folder: Path) -> None:
    async with running_processor(tables, folder) as processor:
        await processor.until_watching()
        processor.write("team/naming.py", "NAME = (\n")
        processor.write("importer.py", IMPORTS_HELPER)
        await processor.until_error("importer.py", "SyntaxError")
        processor.write("team/naming.py", "NAME = 'etl'\n")
        await processor.until_dags("importer.py", "etl")


async def test_a_module_changed_while_the_service_was_down_is_noticed(any_tables: DagTables, folder: Path) -> None:
    async with running_processor(any_tables, folder) as processor:
        await processor.until_watching()
        processor.write("team/naming.py", "NAME = 'etl_1'\n")
        processor.write("importer.py", IMPORTS_HELPER)
        await processor.until_dags("importer.py", "etl_1")
    (folder / "team/naming.py").write_text("NAME = 'etl_2'\n")
    async with running_processor(any_tables, folder) as processor:
        await processor.until_dags("importer.py", "etl_2")
        assert processor.parsed() == 1.0


async def test_dags_made_from_data_files_follow_them(tables: DagTables, folder: Path) -> None:
    text = (
        "from pathlib import Path\nfrom airflow.sdk import DAG\n"
        "for config in sorted((Path(__file__).parent / 'config').glob('*.txt')):\n"
        "    with DAG(config.stem + '_' + config.read_text(), schedule=None):\n        pass\n"
    )
    async with running_processor(tables, folder) as processor:
        await processor.until_watching()
        processor.write("config/a.txt", "1")
        processor.write("factory.py", text)
        await processor.until_dags("factory.py", "a_1")
        processor.write("config/b.txt", "1")
        await processor.until_dags("factory.py", "a_1", "b_1")
        processor.write("config/a.txt", "2")
        await processor.until_dags("factory.py", "a_2", "b_1")
        (folder / "config/b.txt").unlink()
        await processor.until_dags("factory.py", "a_2")


async def test_the_second_file_with_a_dag_id_is_refused_until_the_first_lets_go(
    any_tables: DagTables, folder: Path
) -> None:
    async with running_processor(any_tables, folder) as processor:
        await processor.until_watching()
        processor.write("one.py", dag_text("etl", tasks=1))
        await processor.until_dags("one.py", "etl")
        processor.write("two.py", dag_text("etl", tasks=2) + dag_text("other"))
        error = await processor.until_error("two.py", "'etl'")
        assert "one.py" in error
        assert "two.py" in error
        assert await processor.dag_ids("two.py") == ("other",)
        assert await any_tables.task_ids("etl") == ["task_0"]
        processor.write("one.py", dag_text("renamed"))
        await processor.until_dags("two.py", "etl", "other")
        await processor.until_no_error("two.py")
        await processor.until_tasks("etl", 2)
        assert await any_tables.stale_dag_ids() == ["watching"]


async def test_a_refused_file_takes_over_when_the_owner_is_removed(any_tables: DagTables, folder: Path) -> None:
    async with running_processor(any_tables, folder) as processor:
        await processor.until_watching()
        first = processor.write("one.py", dag_text("etl"))
        await processor.until_dags("one.py", "etl")
        processor.write("two.py", dag_text("etl"))
        await processor.until_error("two.py", "'etl'")
    first.unlink()
    async with running_processor(any_tables, folder) as processor:
        await processor.until_dags("two.py", "etl")
        await processor.until_gone("one.py")
        assert await any_tables.stale_dag_ids() == ["watching"]


async def test_a_file_that_rewrites_what_it_reads_does_not_run_for_ever(tables: DagTables, folder: Path) -> None:
    text = dag_text(
        "etl",
        top="import pathlib, uuid; p = pathlib.Path(__file__).with_name('state.txt'); p.exists() and p.read_text()",
    )
    async with running_processor(tables, folder) as processor:
        await processor.until_watching()
        processor.write("state.txt", "0")
        processor.write("etl.py", text + "p.write_text(str(uuid.uuid4()))\n")
        await processor.until_dags("etl.py", "etl")
        often = BURST + 2  # and twice the file that tells when events are seen
        await poll_until(lambda: processor.parsed() >= often, 30.0)
        processor.write("after.py", dag_text("after"))
        await processor.until_dags("after.py", "after")
        assert processor.parsed() == often + 1
