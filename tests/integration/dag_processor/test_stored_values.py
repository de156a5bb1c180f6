"""DAG files that read stored Variables and Connections at their top level."""

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from tests.execution_api import ExecutionApi, execution_api
from tests.integration.dag_processor.conftest import MemoryDagTables
from tests.integration.dag_processor.running import Processor, running_processor
from tests.polling import poll_until

SOON = 30.0
NAMES = """
from airflow.sdk import DAG, Variable
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("named"):
    for name in Variable.get("names", deserialize_json=True):
        EmptyOperator(task_id=name)
"""
PASSWORD = """
from airflow.sdk import DAG, BaseHook

password = BaseHook.get_connection("there").password
print("printed", password)
if password != "right":
    raise ValueError(f"what is this {password}")
dag = DAG("connected")
"""


class Stored:
    """What is stored, for the API and the sweep alike."""

    def __init__(self, api: ExecutionApi, tables: MemoryDagTables) -> None:
        self.api = api
        self._tables = tables.store.tables

    def set_variable(self, key: str, value: str) -> None:
        self.api.variables[key] = value
        self._tables.variables[key] = value.encode()

    def set_connection(self, conn_id: str, password: str) -> None:
        self.api.connections[conn_id] = {"conn_id": conn_id, "conn_type": "http", "password": password}
        self._tables.connections[conn_id] = password.encode()

    def remove_variable(self, key: str) -> None:
        del self.api.variables[key], self._tables.variables[key]


@pytest.fixture
def tables() -> MemoryDagTables:
    return MemoryDagTables()


@pytest.fixture
def stored(tables: MemoryDagTables) -> Generator[Stored]:
    with execution_api() as api:
        yield Stored(api, tables)


@pytest.fixture
async def processor(stored: Stored, tables: MemoryDagTables, folder: Path) -> AsyncGenerator[Processor]:
    async with running_processor(
        tables, folder, refresh_interval_seconds=1.0, execution_api_server_url=stored.api.url
    ) as running:
        yield running


async def until_task_ids(processor: Processor, *task_ids: str) -> None:
    async def has_tasks() -> bool:
        return sorted(await processor.tables.task_ids("named")) == sorted(task_ids)

    await poll_until(has_tasks, SOON)


async def test_a_file_is_parsed_again_when_a_variable_that_it_read_changes(
    processor: Processor, stored: Stored
) -> None:
    stored.set_variable("names", '["a", "b"]')
    processor.write("named.py", NAMES)
    await until_task_ids(processor, "a", "b")

    stored.set_variable("names", '["c"]')
    await until_task_ids(processor, "c")

    stored.remove_variable("names")
    error = await processor.until_error("named.py", "VariableNotFoundError", SOON)
    assert "Variable names does not exist" in error
    assert "named.py" in error
    assert "line 6" in error

    stored.set_variable("names", '["d"]')
    await processor.until_no_error("named.py", SOON)
    await until_task_ids(processor, "d")
    assert len(stored.api.requests) == 4  # and no file is parsed but for a change


async def test_a_connection_is_read_masked_and_followed(
    processor: Processor, stored: Stored, capfd: pytest.CaptureFixture[str]
) -> None:
    stored.set_connection("there", "wrong-pass-phrase")
    processor.write("connected.py", PASSWORD)
    error = await processor.until_error("connected.py", "what is this", SOON)
    assert "wrong-pass-phrase" not in error
    stored.set_connection("there", "right")
    await processor.until_dags("connected.py", "connected", timeout=SOON)
    printed = capfd.readouterr()
    assert "wrong-pass-phrase" not in printed.out + printed.err


async def test_an_api_that_fails_is_an_import_error_that_goes_by_itself(processor: Processor, stored: Stored) -> None:
    stored.set_variable("names", '["a"]')
    stored.api.next_statuses += [503] * 3
    processor.write("named.py", NAMES)
    error = await processor.until_error("named.py", "the stored variable 'names' cannot be read", SOON)
    assert "HTTP 503" in error
    await processor.until_no_error("named.py", SOON)
    await until_task_ids(processor, "a")


async def test_a_file_that_reads_nothing_asks_nobody(processor: Processor, stored: Stored) -> None:
    processor.write("named.py", NAMES.replace('Variable.get("names", deserialize_json=True)', '["a"]'))
    await until_task_ids(processor, "a")
    assert stored.api.requests == []
