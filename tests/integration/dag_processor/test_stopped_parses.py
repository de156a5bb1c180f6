"""Files that hang, crash or take everything down with them, while the others go on."""

import os
import signal
from pathlib import Path

import psutil

from tests.integration.dag_processor.running import DagTables, dag_text, running_processor
from tests.polling import poll_until
from tests.servers.process import has_word, is_alive


async def test_a_hanging_file_is_stopped_at_its_timeout_and_the_others_go_on(tables: DagTables, folder: Path) -> None:
    async with running_processor(tables, folder, import_timeout_seconds=6.0) as processor:
        await processor.until_watching()
        for number in range(3):
            processor.write(f"hang_{number}.py", "import time  # dag airflow\nprint('begun')\ntime.sleep(600)\n")
        await poll_until(lambda: len(_parse_children()) >= 2)
        processor.write("etl.py", dag_text("etl"))
        await processor.until_dags("etl.py", "etl", timeout=5.5)
        assert await tables.import_errors() == {}
        for number in range(3):
            error = await processor.until_error(f"hang_{number}.py", "timed out")
            assert "parsing timed out after 6 s" in error
            assert "begun" in error
            assert f'File "{folder}/hang_{number}.py", line 3' in error
        await poll_until(lambda: not _parse_children())


POLICY = """
def get_dagbag_import_timeout(path):
    return {"slow.py": 0, "impatient.py": 0.5}.get(path.rpartition("/")[2])
"""


async def test_a_policy_says_how_long_a_file_may_take(tables: DagTables, folder: Path) -> None:
    (folder.parent / "config").mkdir()
    (folder.parent / "config" / "airflow_local_settings.py").write_text(POLICY)
    async with running_processor(tables, folder, import_timeout_seconds=3.0) as processor:
        await processor.until_watching()
        processor.write("slow.py", dag_text("slow", top="import time; time.sleep(4)"))
        processor.write("impatient.py", dag_text("impatient", top="import time; time.sleep(600)"))
        error = await processor.until_error("impatient.py", "timed out")
        assert "parsing timed out after 0.5 s" in error
        assert f'File "{folder}/impatient.py"' in error
        await processor.until_dags("slow.py", "slow")


async def test_what_a_hanging_file_has_started_ends_with_it(tables: DagTables, folder: Path) -> None:
    note = folder.parent / "pid"
    text = f"import subprocess  # dag airflow\nprocess = subprocess.Popen(['sleep', '600'])\nopen({str(note)!r}, 'w')"
    text += ".write(str(process.pid))\nprocess.wait()\n"
    async with running_processor(tables, folder, import_timeout_seconds=3.0) as processor:
        await processor.until_watching()
        processor.write("hang.py", text)
        await processor.until_error("hang.py", "timed out")
        await poll_until(lambda: not is_alive(int(note.read_text())))


async def test_a_crash_is_reported_with_the_place_and_the_others_go_on(tables: DagTables, folder: Path) -> None:
    async with running_processor(tables, folder) as processor:
        await processor.until_watching()
        processor.write("crash.py", "import ctypes  # dag airflow\nctypes.string_at(0)\n")
        processor.write("leave.py", "import os  # dag airflow\nos._exit(7)\n")
        processor.write("etl.py", dag_text("etl"))
        error = await processor.until_error("crash.py", "SIGSEGV")
        assert f'File "{folder}/crash.py", line 2' in error
        await processor.until_error("leave.py", "exit code 7")
        await processor.until_dags("etl.py", "etl")


async def test_a_killed_parse_server_is_replaced_and_its_files_parsed_all_the_same(
    tables: DagTables, folder: Path
) -> None:
    async with running_processor(tables, folder) as processor:
        await processor.until_watching()
        processor.write("slow.py", dag_text("slow", top="import time; time.sleep(1.5)"))
        await poll_until(lambda: bool(_parse_children()))
        os.kill(_parse_server().pid, signal.SIGKILL)
        await processor.until_dags("slow.py", "slow")
        assert await tables.import_errors() == {}


async def test_a_file_that_kills_the_parse_server_each_time_is_blamed(tables: DagTables, folder: Path) -> None:
    async with running_processor(tables, folder) as processor:
        await processor.until_watching()
        processor.write(
            "killer.py", "import os  # dag airflow\nos.kill(os.getppid(), 9)\nimport time; time.sleep(60)\n"
        )
        await processor.until_error("killer.py", "parse server ended 3 times", timeout=60.0)
        processor.write("etl.py", dag_text("etl"))
        await processor.until_dags("etl.py", "etl")


async def test_user_code_holds_no_credentials(tables: DagTables, folder: Path) -> None:
    os.environ["TRADEWIND__DATABASE__URL"] = "postgresql://user:secret@nowhere/db"
    os.environ["TRADEWIND_TEST_PASSED_ON"] = "yes"
    try:
        async with running_processor(tables, folder) as processor:
            await processor.until_watching()
            top = "import os; found = 'TRADEWIND__DATABASE__URL' in os.environ"
            name = "f'etl_{found}_{os.environ[\"TRADEWIND_TEST_PASSED_ON\"]}'"
            processor.write("etl.py", dag_text("x", top=top).replace("'x'", name))
            await processor.until_dags("etl.py", "etl_False_yes")
    finally:
        del os.environ["TRADEWIND__DATABASE__URL"], os.environ["TRADEWIND_TEST_PASSED_ON"]


async def test_no_process_is_left_when_the_service_ends(tables: DagTables, folder: Path) -> None:
    async with running_processor(tables, folder) as processor:
        await processor.until_watching()
        processor.write("hang.py", "import time  # dag airflow\ntime.sleep(600)\n")
        await poll_until(lambda: bool(_parse_children()))
        processes = [_parse_server(), *_parse_children()]
    await poll_until(lambda: not any(map(is_alive, processes)))


def _parse_server() -> psutil.Process:
    (server,) = [child for child in psutil.Process().children() if has_word(child, "parse_server")]
    return server


def _parse_children() -> list[psutil.Process]:
    return [child for child in _parse_server().children() if is_alive(child)]
