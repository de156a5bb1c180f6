"""The parse server is told to start again while there are files to parse: those who ask wait for the next one."""

import asyncio
from pathlib import Path

from tests.integration.dag_processor.running import dag_text
from tradewind.dag_processor.parse_client import ParseServerClient
from tradewind.dag_processor.parse_protocol import PARSED, ParseRequest
from tradewind.dag_processor.stored_values import ReaderAccess


async def test_who_asks_right_after_a_restart_is_answered_by_the_next_server(tmp_path: Path) -> None:
    (tmp_path / "etl.py").write_text(dag_text("etl"))
    access = ReaderAccess(execution_api_url="http://127.0.0.1:1", mint_token=lambda: "")
    client = ParseServerClient(jitter=lambda: 0.0, access=access, dags_folder=tmp_path)
    request = ParseRequest(0, str(tmp_path / "etl.py"), str(tmp_path), "", "etl.py", 30.0)
    stop = asyncio.Event()
    async with asyncio.timeout(60.0), asyncio.TaskGroup() as group:
        group.create_task(client.run(stop), name="parse-server")
        before = await client.parse(request)
        client.restart()
        after = await client.parse(request)
        stop.set()
    assert (before.status, after.status) == (PARSED, PARSED)
