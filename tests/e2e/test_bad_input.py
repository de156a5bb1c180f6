"""Bad input gets a clear answer and loses nothing."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.client import ApiClient
from tests.polling import poll_until
from tests.servers.postgres import PostgresServer
from tests.servers.stack import Stack, service_stack
from tradewind.bus.open import open_bus
from tradewind.bus.port import Message, Queue
from tradewind.wire import queues

GOOD = """
from airflow.sdk import DAG, task
with DAG("good", schedule=None):
    @task
    def one():
        return 1
    one()
"""
HEAD = "from airflow.sdk import *\nfrom airflow.providers.standard.operators.bash import BashOperator\n"
MISTAKES = {
    "cycle": (
        "a, b = BaseOperator(task_id='a'), BaseOperator(task_id='b')\n    a >> b >> a",
        ("cycle.py: DAG 'cycle'", "in a cycle: a -> b -> a"),
    ),
    "duplicate": (
        "BaseOperator(task_id='twice'), BaseOperator(task_id='twice')",
        ("duplicate.py", "DAG 'duplicate'", "Task id 'twice' has already been added"),
    ),
    "rule": (
        "BaseOperator(task_id='t', trigger_rule='sometimes')",
        ("rule.py", "task 't' of DAG 'rule'", "trigger_rule", "received 'sometimes'"),
    ),
    "weight": (
        "BaseOperator(task_id='t', weight_rule='heavy')",
        ("weight.py", "task 't' of DAG 'weight'", "weight_rule", "received 'heavy'"),
    ),
    "long_map": (
        "BashOperator.partial(task_id='t').expand(bash_command=['true'] * 1025)",
        ("long_map.py: DAG 'long_map': task 't'", "maps over 1025 items", "max_map_length is 1024"),
    ),
    "number": (
        "BaseOperator(task_id='t', retries='many')",
        ("number.py", "task 't' of DAG 'number'", "'retries' must be an int", "'many'"),
    ),
    "kind": (
        "BaseOperator(task_id='t', execution_timeout=5)",
        ("kind.py", "execution_timeout of task 't' of DAG 'kind'", "int: 5"),
    ),
    "unknown": (
        "BaseOperator(task_id='t', colour='red')",
        ("unknown.py", "task 't' of DAG 'unknown'", "colour='red'"),
    ),
    "missing": (
        "BashOperator(task_id='t')",
        ("missing.py", "task 't' of DAG 'missing'", "missing keyword argument 'bash_command'"),
    ),
    "name": (
        "BaseOperator(task_id='a b')",
        ("name.py", "DAG 'name'", "The task_id 'a b' has to be made of"),
    ),
    "edge": ("BaseOperator(task_id='t') >> 3", ("edge.py", "in DAG 'edge'", "received int: 3")),
    "fail_fast": (
        "BaseOperator(task_id='t', trigger_rule='all_done')",
        ("fail_fast.py: DAG 'fail_fast': task 't'", "'all_done'", "fail_fast"),
    ),
}
"""DAG, which is also its file → what stands in its `with` block, and what its import error says."""
ARGUMENTS = {"fail_fast": ", fail_fast=True"}
DAG_MISTAKES = {
    "dag_defaults": ("default_args=[1]", ("DAG 'dag_defaults': default_args must be a mapping", "[1]")),
    "dag_start": ("start_date='yesterday-ish'", ("DAG 'dag_start': start_date is not a date: 'yesterday-ish'",)),
    "dag_limit": ("max_active_tasks='x'", ("DAG 'dag_limit': max_active_tasks must be an int, not 'x'",)),
    "dag_timeout": ("dagrun_timeout=5", ("DAG 'dag_timeout': dagrun_timeout must be a timedelta, not 5",)),
    "dag_params": (
        "schedule='@daily', params={'n': Param(type='integer')}",
        ("DAG 'dag_params'", "Invalid input for param n"),
    ),
}
AT_RUN_TIME = """
with DAG("too_much", params={"n": Param(3, type="integer", maximum=2000)}):
    @task
    def numbers(params=None): return list(range(params["n"]))
    @task
    def each(n): pass
    each.expand(n=numbers())
"""
BROKEN = "import airflow.sdk\nfrom airflow.sdk import DAG\nvalue = 1 / 0\n"
ENDLESS = "from airflow.sdk import DAG\nwhile True:\n    pass\n"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, broker_url: str) -> Generator[Stack]:
    folder = tmp_path_factory.mktemp("bad-input")
    dags_folder = folder / "dags"
    dags_folder.mkdir()
    for name, text in (("good.py", GOOD), ("broken.py", BROKEN), ("endless.py", ENDLESS)):
        (dags_folder / name).write_text(text)
    for dag_id, (body, _) in MISTAKES.items():
        arguments = ARGUMENTS.get(dag_id, "")
        text = f"{HEAD}with DAG('{dag_id}_beside'): pass\nwith DAG('{dag_id}'{arguments}):\n    {body}\n"
        (dags_folder / f"{dag_id}.py").write_text(text)
    for dag_id, (arguments, _) in DAG_MISTAKES.items():
        (dags_folder / f"{dag_id}.py").write_text(f"{HEAD}with DAG('{dag_id}', {arguments}): pass\n")
    (dags_folder / "too_much.py").write_text(HEAD + AT_RUN_TIME)
    with (
        postgres.new_database() as database_url,
        service_stack(
            folder,
            database_url=database_url,
            broker_url=broker_url,
            dags_folder=dags_folder,
            environment={"TRADEWIND__CORE__DAGBAG_IMPORT_TIMEOUT_SECONDS": "6"},
        ) as stack,
    ):
        yield stack


@pytest.fixture
def api(services: Stack) -> Generator[ApiClient]:
    with ApiClient(services.api_url, services.username, services.password) as client:
        yield client


def test_unknown_dag_is_404_and_named(api: ApiClient) -> None:
    for answer in (api.get("/dags/nope"), api.post("/dags/nope/dagRuns", {"logical_date": None})):
        assert answer.status_code == 404
        assert "nope" in answer.json()["detail"]


def test_malformed_body_is_422_and_says_where(api: ApiClient) -> None:
    api.wait_for_dag("good")
    answer = api.post("/dags/good/dagRuns", {"logical_date": "yesterday-ish", "colour": "red"})
    assert answer.status_code == 422
    places = [error["loc"] for error in answer.json()["detail"]]
    assert ["body", "logical_date"] in places


def _import_errors(api: ApiClient) -> dict[str, str]:
    """File → what is wrong, once that is known of every wrong file."""
    wrong = len(MISTAKES) + len(DAG_MISTAKES) + 2
    deadline = time.monotonic() + 120
    while len(errors := api.get("/importErrors", limit=100).json()["import_errors"]) < wrong:
        assert time.monotonic() < deadline, errors
        time.sleep(0.05)
    return {Path(error["filename"]).name: error["stack_trace"] for error in errors}


def test_broken_and_endless_files_are_reported_and_hold_nobody_up(api: ApiClient) -> None:
    api.wait_for_dag("good")
    by_file = _import_errors(api)
    assert "ZeroDivisionError" in by_file["broken.py"]
    assert "timed out" in by_file["endless.py"]


@pytest.mark.parametrize("dag_id", [*MISTAKES, *DAG_MISTAKES])
def test_mistakes_of_authors_are_named(api: ApiClient, dag_id: str) -> None:
    error = _import_errors(api)[f"{dag_id}.py"]
    _, words = (MISTAKES | DAG_MISTAKES)[dag_id]
    assert [word for word in words if word not in error] == [], error
    assert api.get(f"/dags/{dag_id}").status_code == 404


@pytest.mark.parametrize("dag_id", ["cycle", "long_map", "fail_fast"])
def test_other_dags_of_a_file_go_on(api: ApiClient, dag_id: str) -> None:
    """Where only one DAG cannot be scheduled; a file that cannot be imported has none."""
    api.wait_for_dag(f"{dag_id}_beside")


def test_conf_that_does_not_fit_is_refused(api: ApiClient) -> None:
    api.wait_for_dag("too_much")
    for conf, words in (({"n": "many"}, "'many' is not of type 'integer'"), ({"n": 5000}, "5000 is greater than")):
        answer = api.post("/dags/too_much/dagRuns", {"logical_date": None, "conf": conf})
        assert answer.status_code == 400
        assert "Invalid input for param n" in answer.json()["detail"]
        assert words in answer.json()["detail"]
    answer = api.post("/dags/too_much/dagRuns", {"logical_date": None, "conf": [1]})
    assert answer.status_code == 422
    assert ["body", "conf"] in [error["loc"] for error in answer.json()["detail"]]


def test_map_that_grows_too_long_fails_the_task_that_made_it(api: ApiClient) -> None:
    api.wait_for_dag("too_much")
    api.unpause("too_much")
    run_id = api.trigger("too_much", conf={"n": 1025})
    assert api.wait_for_run("too_much", run_id)["state"] == "failed"
    assert {ti["task_id"]: ti["state"] for ti in api.task_instances("too_much", run_id)} == {
        "numbers": "failed",
        "each": "upstream_failed",
    }
    log = api.get(f"/dags/too_much/dagRuns/{run_id}/taskInstances/numbers/logs/1", full_content="true").text
    assert "1025" in log
    assert "1024" in log


@pytest.mark.parametrize(
    "queue", [queues.DISPATCH, queues.CLAIMS, queues.ENDS, queues.HEARTBEATS, queues.RUNS, "default"]
)
async def test_undecodable_message_goes_to_the_dead_letters(
    services: Stack, api: ApiClient, broker_url: str, queue: str
) -> None:
    async with open_bus(broker_url) as bus:
        await bus.publish(queue, [Message(body=b"\xc1 not a message", headers={"x-test": queue})], mandatory=True)
        async with (
            bus.consume(Queue(name=queues.DEAD_LETTER, durable=True), prefetch=10, max_batch=10) as batches,
            asyncio.timeout(60),
        ):
            batch = await anext(batches)
            (dead,) = batch.deliveries
            await batch.ack()
    assert dead.message.body == b"\xc1 not a message"
    assert dead.message.headers["x-source-queue"] == queue
    assert len(str(dead.message.headers["x-reason"])) > 10
    api.wait_for_dag("good")
    api.unpause("good")
    assert api.wait_for_run("good", api.trigger("good"))["state"] == "success"


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("TRADEWIND__DATABASE__URL", "postgresql://nobody:wrong@127.0.0.1:1/none"),
        ("TRADEWIND__BROKER__URL", "amqp://nobody:wrong@127.0.0.1:1/"),
    ],
)
async def test_wrong_address_names_the_setting_and_retries(
    tmp_path: Path, database_url: str, broker_url: str, variable: str, url: str
) -> None:
    environment = {
        **os.environ,
        "TRADEWIND__HOME": str(tmp_path),
        "TRADEWIND__DATABASE__URL": database_url,
        "TRADEWIND__BROKER__URL": broker_url,
        variable: url,
    }
    log = tmp_path / "scheduler.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
            [sys.executable, "-m", "tradewind.cli", "scheduler"], env=environment, stdout=output, stderr=output
        )
        try:
            await poll_until(lambda: log.read_text().count(variable) >= 3, 60.0)
            assert process.poll() is None
            assert "wrong" not in log.read_text()
        finally:
            process.terminate()
            assert process.wait(timeout=60) == 0
