"""A file that people want parsed is parsed again, and only then is its row done with."""

from pathlib import Path

from tests.integration.dag_processor.running import AWAITED_SECONDS, DagTables, dag_text, running_processor
from tests.polling import poll_until


async def test_a_file_is_parsed_again_when_somebody_wants_it(any_tables: DagTables, folder: Path) -> None:
    async def is_through() -> bool:
        return not await any_tables.store.wanted_parses(10)

    async with running_processor(any_tables, folder) as processor:
        # Each parse defines another DAG, so that it shows.
        top = 'import uuid\nunlikely = f"dag_{uuid.uuid4().hex}"\n'
        processor.write("etl.py", top + dag_text("etl").replace("'etl'", "unlikely"))
        await poll_until(lambda: processor.parsed() == 1.0, AWAITED_SECONDS)

        async def is_known() -> bool:
            return bool(await processor.dag_ids("etl.py"))

        await poll_until(is_known, AWAITED_SECONDS)
        before = await processor.dag_ids("etl.py")
        assert await any_tables.store.request_parse("etl.py")
        await poll_until(is_through, AWAITED_SECONDS)

        assert processor.parsed() == 2.0
        assert await processor.dag_ids("etl.py") != before


async def test_a_file_that_is_gone_is_wanted_no_more(tables: DagTables, folder: Path) -> None:
    async def is_through() -> bool:
        return not await tables.store.wanted_parses(10)

    (folder / "etl.py").write_text(dag_text("etl"))
    async with running_processor(tables, folder) as processor:
        await processor.until_dags("etl.py", "etl")
    (folder / "etl.py").unlink()
    assert await tables.store.request_parse("etl.py")
    async with running_processor(tables, folder):
        await poll_until(is_through, AWAITED_SECONDS)
