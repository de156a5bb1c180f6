"""Files come, change, break and go; what the store holds follows."""

import asyncio
import os
import shutil
from pathlib import Path

from tests.integration.dag_processor.running import SEEN_WITHIN_SECONDS, DagTables, dag_text, running_processor
from tests.polling import poll_until


async def test_a_new_file_is_seen(any_tables: DagTables, folder: Path) -> None:
    async with running_processor(any_tables, folder) as processor:
        await processor.until_watching()
        processor.write("etl.py", dag_text("etl", tasks=3))
        await processor.until_dags("etl.py", "etl")
        assert await any_tables.task_ids("etl") == ["task_0", "task_1", "task_2"]
        await poll_until(lambda: "etl" in processor.announced)


async def test_files_that_are_there_at_the_start_are_parsed_and_never_again(
    any_tables: DagTables, folder: Path
) -> None:
    for number in range(5):
        (folder / f"dag_{number}.py").write_text(dag_text(f"dag_{number}"))
    async with running_processor(any_tables, folder) as processor:
        await processor.until_dags("dag_4.py", "dag_4")
        await processor.until_watching()
        assert processor.parsed() == 7.0  # the five, and twice the one that tells when events are seen
    async with running_processor(any_tables, folder) as processor:
        await processor.until_watching()
        assert processor.parsed() == 2.0


async def test_edits_are_seen_within_a_second_even_at_equal_size_within_one(
    any_tables: DagTables, folder: Path
) -> None:
    loop, delays = asyncio.get_running_loop(), list[float]()
    async with running_processor(any_tables, folder) as processor:
        await processor.until_watching()
        for number in range(5):
            written_at = loop.time()
            processor.write("etl.py", dag_text(f"etl_{number}"))
            await processor.until_dags("etl.py", f"etl_{number}")
            delays.append(loop.time() - written_at)
        assert min(delays) < SEEN_WITHIN_SECONDS, delays
        assert await any_tables.stale_dag_ids() == ["etl_0", "etl_1", "etl_2", "etl_3", "watching"]


async def test_a_file_replaced_by_an_editor_stays(tables: DagTables, folder: Path) -> None:
    async with running_processor(tables, folder) as processor:
        await processor.until_watching()
        path = processor.write("etl.py", dag_text("etl"))
        await processor.until_dags("etl.py", "etl")
        path.rename(folder / "etl.py~")
        processor.write("etl.py", dag_text("etl", tasks=2))
        await processor.until_tasks("etl", 2)
        (folder / "etl.py~").unlink()
        aside = folder / ".etl.py.tmp"
        aside.write_text(dag_text("etl", tasks=3))
        aside.replace(path)
        await processor.until_tasks("etl", 3)
        assert await tables.stale_dag_ids() == ["watching"]


async def test_touching_a_file_parses_nothing(tables: DagTables, folder: Path) -> None:
    async with running_processor(tables, folder) as processor:
        await processor.until_watching()
        path = processor.write("etl.py", dag_text("etl"))
        await processor.until_dags("etl.py", "etl")
        before = processor.parsed()
        os.utime(path)
        path.write_text(path.read_text())
        processor.write("after.py", dag_text("after"))
        await processor.until_dags("after.py", "after")
        assert processor.parsed() == before + 1


async def test_a_broken_file_is_reported_and_its_last_good_version_stays(any_tables: DagTables, folder: Path) -> None:
    async with running_processor(any_tables, folder) as processor:
        await processor.until_watching()
        processor.write("etl.py", dag_text("etl", tasks=2))
        await processor.until_dags("etl.py", "etl")
        processor.write("etl.py", "from airflow.sdk import DAG\n\ndef fail():\n    return 1 / 0\n\nfail()\n")
        error = await processor.until_error("etl.py", "ZeroDivisionError")
        assert error.startswith("Traceback (most recent call last):\n")
        assert f'File "{folder}/etl.py", line 6, in <module>' in error
        assert "tradewind" not in error
        assert await processor.dag_ids("etl.py") == ("etl",)
        assert await any_tables.task_ids("etl") == ["task_0", "task_1"]
        assert await any_tables.stale_dag_ids() == ["watching"]
        processor.write("etl.py", dag_text("etl", tasks=3))
        await processor.until_no_error("etl.py")
        assert await any_tables.task_ids("etl") == ["task_0", "task_1", "task_2"]


async def test_a_syntax_error_shows_its_line(tables: DagTables, folder: Path) -> None:
    async with running_processor(tables, folder) as processor:
        await processor.until_watching()
        processor.write("etl.py", "import airflow  # dag\nwith DAG('x'\n")
        error = await processor.until_error("etl.py", "SyntaxError")
        assert f'File "{folder}/etl.py", line 2' in error


async def test_a_file_that_exits_is_reported(tables: DagTables, folder: Path) -> None:
    async with running_processor(tables, folder) as processor:
        await processor.until_watching()
        processor.write("etl.py", "import sys  # dag airflow\nsys.exit('no licence')\n")
        await processor.until_error("etl.py", "SystemExit: no licence")


async def test_one_wrong_dag_does_not_take_the_files_others_with_it(tables: DagTables, folder: Path) -> None:
    cycle = dag_text("circle", tasks=2).replace("before >> after", "before >> after >> before")
    async with running_processor(tables, folder) as processor:
        await processor.until_watching()
        processor.write("etl.py", dag_text("good") + cycle)
        error = await processor.until_error("etl.py", "cycle")
        assert "circle" in error
        assert await processor.dag_ids("etl.py") == ("good",)


async def test_a_removed_file_makes_its_dags_stale(any_tables: DagTables, folder: Path) -> None:
    async with running_processor(any_tables, folder) as processor:
        await processor.until_watching()
        path = processor.write("etl.py", dag_text("etl"))
        await processor.until_dags("etl.py", "etl")
        path.unlink()
        await processor.until_gone("etl.py")
        assert await any_tables.stale_dag_ids() == ["etl", "watching"]
        processor.write("etl.py", dag_text("etl"))
        await processor.until_dags("etl.py", "etl")
        assert await any_tables.stale_dag_ids() == ["watching"]


async def test_a_renamed_file_keeps_its_dag(any_tables: DagTables, folder: Path) -> None:
    async with running_processor(any_tables, folder) as processor:
        await processor.until_watching()
        path = processor.write("old_name.py", dag_text("etl"))
        await processor.until_dags("old_name.py", "etl")
        path.rename(folder / "new_name.py")
        await processor.until_dags("new_name.py", "etl")
        await processor.until_gone("old_name.py")
        assert await any_tables.import_errors() == {}
        assert await any_tables.stale_dag_ids() == ["watching"]


async def test_folders_come_and_go_as_a_whole(tables: DagTables, folder: Path) -> None:
    elsewhere = folder.parent / "prepared"
    elsewhere.mkdir()
    (elsewhere / "etl.py").write_text(dag_text("etl"))
    async with running_processor(tables, folder) as processor:
        await processor.until_watching()
        elsewhere.rename(folder / "team")
        await processor.until_dags("team/etl.py", "etl")
        shutil.rmtree(folder / "team")
        await processor.until_gone("team/etl.py")
        assert "etl" in await tables.stale_dag_ids()


async def test_nothing_goes_stale_while_the_folder_cannot_be_listed(tables: DagTables, folder: Path) -> None:
    async with running_processor(tables, folder, refresh_interval_seconds=0.2) as processor:
        await processor.until_watching()
        processor.write("etl.py", dag_text("etl"))
        await processor.until_dags("etl.py", "etl")
        aside = folder.with_name("unmounted")
        processor.folder.rename(aside)
        listings = processor.listings()
        await poll_until(lambda: processor.listings() > listings + 1)
        aside.rename(folder)
        processor.write("after.py", dag_text("after"))
        await processor.until_dags("after.py", "after")
        assert await tables.stale_dag_ids() == ["watching"]


async def test_the_folder_may_come_later_and_may_be_a_link_that_moves(tables: DagTables, folder: Path) -> None:
    first, second, link = folder / "v1", folder / "v2", folder / "current"
    for number, version in enumerate((first, second), start=1):
        version.mkdir()
        (version / "etl.py").write_text(dag_text("etl", tasks=number))
    async with running_processor(tables, link) as processor:
        await poll_until(lambda: processor.listings() > 0)
        link.symlink_to(first)
        await processor.until_tasks("etl", 1)
        moved = folder / "next"
        moved.symlink_to(second)
        moved.replace(link)
        await processor.until_tasks("etl", 2)


async def test_ignore_rules_apply_when_they_are_written(tables: DagTables, folder: Path) -> None:
    async with running_processor(tables, folder) as processor:
        await processor.until_watching()
        processor.write("etl.py", dag_text("etl"))
        await processor.until_dags("etl.py", "etl")
        processor.write(".airflowignore", "etl.py\n")
        await processor.until_gone("etl.py")
        (folder / ".airflowignore").unlink()
        await processor.until_dags("etl.py", "etl")


async def test_ignore_rules_are_regular_expressions_if_the_settings_say_so(tables: DagTables, folder: Path) -> None:
    (folder / ".airflowignore").write_text("^old_.*[.]py$\n")
    for name in ("old_one.py", "older.py"):
        (folder / name).write_text(dag_text(name.removesuffix(".py")))
    async with running_processor(tables, folder, dag_ignore_file_syntax="regexp") as processor:
        await processor.until_watching()
        await processor.until_dags("older.py", "older")
        assert await processor.dag_ids("old_one.py") is None


async def test_files_without_the_words_are_parsed_if_the_settings_say_so(tables: DagTables, folder: Path) -> None:
    (folder / "words.py").write_text("1 / 0\n")
    async with running_processor(tables, folder, dag_discovery_safe_mode=False) as processor:
        await processor.until_watching()
        await processor.until_error("words.py", "ZeroDivisionError")


async def test_a_listing_finds_and_counts_what_no_event_named(tables: DagTables, folder: Path) -> None:
    async with running_processor(tables, folder, refresh_interval_seconds=0.3) as processor:
        await processor.until_watching()
        elsewhere = folder.parent / "elsewhere.py"
        elsewhere.write_text(dag_text("etl"))
        (folder / "etl.py").symlink_to(elsewhere)
        await processor.until_dags("etl.py", "etl")
        missed = processor.missed_events()
        for dag_id in ("etl_2", "etl_3"):  # the event of the link itself may be late and name the first of them
            elsewhere.write_text(dag_text(dag_id))  # behind a link to a file: outside of what is watched
            await processor.until_dags("etl.py", dag_id)
        assert processor.missed_events() > missed


async def test_the_shipped_examples_are_loaded_when_asked_for(tables: DagTables, folder: Path) -> None:
    async with running_processor(tables, folder, load_examples=True) as processor:
        await processor.until_watching()
        for name in ("fan_out", "hello", "pass_values", "templates", "when_things_fail"):
            await processor.until_dags(f".example_dags/{name}.py", f"example_{name}")
        assert await tables.import_errors() == {}
    async with running_processor(tables, folder) as processor:
        await processor.until_gone(".example_dags/hello.py")
