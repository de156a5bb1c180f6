"""A worker with an empty folder of its own runs exactly the code that was scheduled, fetched through the API."""

import json
import zipfile
import zlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.git import GitOrigin
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitMQServer
from tests.servers.stack import Stack, service_stack
from tradewind.core.bundle_list import GIT_CLASSPATH, LOCAL_CLASSPATH

READS = """
from pathlib import Path

from airflow.sdk import DAG, task
from airflow.providers.standard.operators.bash import BashOperator
from team.helper import GREETING

with DAG("reads_files", schedule=None, is_paused_upon_creation=False):

    @task(templates_exts=[".sql"])
    def read(query):
        return {"greeting": GREETING, "query": query, "root": str(Path(__file__).parent),
                "linked": (Path(__file__).parent / "linked.txt").read_text()}

    script = BashOperator(task_id="script", bash_command="tools/run.sh ", cwd=str(Path(__file__).parent))
    read("queries/all.sql") >> script
"""
CHANGES = """
import time
from pathlib import Path

from airflow.sdk import DAG, task
from team.helper import GREETING

with DAG("changes", schedule=None, is_paused_upon_creation=False, description={text!r}):

    @task
    def wait(params=None, dag_run=None):
        while not Path(dag_run.conf["gate"]).exists():
            time.sleep(0.02)

    @task
    def say():
        return [GREETING, {text!r}]

    wait() >> say()
"""
TRIGGER = """
from airflow.triggers.base import BaseTrigger, TriggerEvent
from said import TEXT

class Says(BaseTrigger):
    def serialize(self):
        return "team_triggers.Says", {}

    async def run(self):
        yield TriggerEvent(TEXT)
"""
FROM_GIT = """
import time
from pathlib import Path

from airflow.sdk import DAG, BaseOperator, task
from team_triggers import Says

class Wait(BaseOperator):
    def execute(self, context):
        self.defer(trigger=Says(), method_name="go_on")

    def go_on(self, context, event):
        return event

with DAG("from_git", schedule=None, is_paused_upon_creation=False):

    @task
    def wait(dag_run=None):
        while not Path(dag_run.conf["gate"]).exists():
            time.sleep(0.02)

    @task
    def say():
        from said import TEXT
        return TEXT

    wait() >> say() >> Wait(task_id="hear")
"""
IN_ARCHIVE = """
from airflow.sdk import DAG, task

with DAG("in_archive", schedule=None, is_paused_upon_creation=False):

    @task
    def say():
        return "from the archive"

    say()
"""
DAMAGED = """
from airflow.sdk import DAG, task

with DAG("damaged", schedule=None, is_paused_upon_creation=False):

    @task
    def say():
        return "whole"

    say()
"""


@dataclass
class Apart:
    """A stack whose worker sees nothing of the dag processor's folder."""

    stack: Stack
    api: ApiClient
    dags: Path
    worker_home: Path
    database_url: str
    origin: GitOrigin

    def greeting(self, text: str) -> None:
        write(self.dags / "team" / "helper.py", f"GREETING = {text!r}\n")

    @property
    def worker_log(self) -> str:
        return self.stack.processes["worker-1"].log.read_text()


def write(path: Path, text: str, *, executable: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}")
    draft.write_text(text)
    draft.chmod(0o755 if executable else 0o644)
    draft.rename(path)


@pytest.fixture(scope="module")
def apart(
    postgres: PostgresServer, rabbitmq: RabbitMQServer, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Apart]:
    folder = tmp_path_factory.mktemp("apart")
    dags, worker_home = folder / "dags", folder / "worker-home"
    empty = worker_home / "dags"
    empty.mkdir(parents=True)
    elsewhere = folder / "elsewhere.txt"
    elsewhere.write_text("through a link")
    write(dags / "reads_files.py", READS)
    write(dags / "team" / "__init__.py", "")
    write(dags / "team" / "helper.py", "GREETING = 'hello'\n")
    write(dags / "queries" / "all.sql", "SELECT '{{ run_id }}'")
    write(dags / "tools" / "run.sh", "#!/bin/sh\necho the script ran\n", executable=True)
    write(dags / "secret.txt", "stays")
    write(dags / ".bundleignore", "secret.*\n")
    (dags / "linked.txt").symlink_to(elsewhere)
    with zipfile.ZipFile(dags / "packed.zip", "w") as archive:
        archive.writestr("in_archive.py", IN_ARCHIVE)
    origin = GitOrigin(folder / "git")
    modules = {"dags/said.py": "TEXT = 'first'\n", "dags/team_triggers.py": TRIGGER}
    origin.commit({"README.md": "ours", "dags/reads_files.py": FROM_GIT, **modules})
    kwargs = {"tracking_ref": "main", "subdir": "dags", "repo_url": origin.url, "refresh_interval": 1}
    bundles: list[dict[str, Any]] = [
        {"name": "team-git", "classpath": GIT_CLASSPATH, "kwargs": kwargs},
        {"name": "dags-folder", "classpath": LOCAL_CLASSPATH, "kwargs": {}},
    ]
    own = {"TRADEWIND__HOME": str(worker_home), "TRADEWIND__CORE__DAGS_FOLDER": str(empty)}
    with (
        postgres.new_database() as database_url,
        service_stack(
            folder / "stack",
            database_url=database_url,
            broker_url=rabbitmq.new_url(),
            dags_folder=dags,
            environment={"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles)},
            own_environments={"worker": own, "triggerer": own},
        ) as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as api,
    ):
        yield Apart(stack, api, dags, worker_home, database_url, origin)


def run(apart: Apart, dag_id: str) -> str:
    apart.api.wait_for_dag(dag_id)
    run_id = apart.api.trigger(dag_id)
    state = apart.api.wait_for_run(dag_id, run_id)["state"]
    assert state == "success", (apart.api.states(dag_id, run_id), apart.worker_log[-4000:])
    return run_id


def test_modules_templates_scripts_links_and_archives_travel(apart: Apart) -> None:
    run_id = run(apart, "reads_files")
    read = apart.api.xcom("reads_files", run_id, "read")
    root = Path(read.pop("root"))
    assert read == {"greeting": "hello", "query": f"SELECT '{run_id}'", "linked": "through a link"}
    assert root.is_relative_to(apart.worker_home / "bundles" / "versions")
    assert apart.api.xcom("reads_files", run_id, "script") == "the script ran"
    assert not (root / "secret.txt").exists()
    assert list((apart.worker_home / "dags").iterdir()) == []
    run_id = run(apart, "in_archive")
    assert apart.api.xcom("in_archive", run_id, "say") == "from the archive"


def test_a_run_goes_on_with_the_code_that_it_was_made_on(apart: Apart, tmp_path: Path) -> None:
    api, gate = apart.api, tmp_path / "gate"
    write(apart.dags / "changes.py", CHANGES.format(text="first"))
    api.wait_for_dag("changes")
    run_id = api.trigger("changes", conf={"gate": str(gate)})
    wait_until(lambda: api.states("changes", run_id)["running"] == 1, "the first task runs")
    bound = api.get(f"/dags/changes/dagRuns/{run_id}").json()["bundle_version"]
    apart.greeting("changed")
    write(apart.dags / "changes.py", CHANGES.format(text="second"))
    # Each of the two edits may be parsed, and stored as a version, by itself.
    wait_until(lambda: api.get("/dags/changes").json()["description"] == "second", "both changes are stored")
    assert bundle_version(apart, "changes") not in (None, bound)
    gate.touch()
    assert api.wait_for_run("changes", run_id)["bundle_version"] == bound
    assert api.xcom("changes", run_id, "say") == ["hello", "first"]

    other = api.trigger("changes", conf={"gate": str(gate)})
    assert api.wait_for_run("changes", other)["bundle_version"] == bundle_version(apart, "changes")
    assert api.xcom("changes", other, "say") == ["changed", "second"]

    clear(api, run_id, latest=False)
    assert api.wait_for_run("changes", run_id)["bundle_version"] == bound
    assert api.xcom("changes", run_id, "say") == ["hello", "first"]
    clear(api, run_id, latest=True)
    assert api.wait_for_run("changes", run_id)["bundle_version"] == bundle_version(apart, "changes")
    assert api.xcom("changes", run_id, "say") == ["changed", "second"]


def test_a_run_finishes_on_the_commit_that_it_began_on(apart: Apart, tmp_path: Path) -> None:
    api, gate = apart.api, tmp_path / "gate"
    api.wait_for_dag("from_git")
    run_id = api.trigger("from_git", conf={"gate": str(gate)})
    wait_until(lambda: api.states("from_git", run_id)["running"] == 1, "the first task runs")
    first = bundle_version(apart, "from_git")
    second = apart.origin.commit({"dags/said.py": "TEXT = 'second'\n"})
    wait_until(lambda: bundle_version(apart, "from_git") == second, "the commit is stored")
    other = api.trigger("from_git", conf={"gate": str(gate)})
    gate.touch()
    assert api.wait_for_run("from_git", run_id)["bundle_version"] == first
    assert api.wait_for_run("from_git", other)["bundle_version"] == second
    assert api.xcom("from_git", run_id, "say") == "first"
    assert api.xcom("from_git", other, "say") == "second"
    assert [api.xcom("from_git", id_, "hear") for id_ in (run_id, other)] == ["first", "second"]

    names = {dag["dag_id"]: dag["bundle_name"] for dag in api.get("/dags").json()["dags"]}
    assert (names["from_git"], names["reads_files"]) == ("team-git", "dags-folder")
    assert [path.name for path in apart.worker_home.iterdir()] == ["bundles", "dags"]
    assert list((apart.worker_home / "dags").iterdir()) == []


def test_damaged_content_is_refused_and_the_attempt_tried_again(apart: Apart) -> None:
    write(apart.dags / "damaged.py", DAMAGED)
    apart.api.wait_for_dag("damaged")
    is_this = "digest = encode(sha256(%s), 'hex')"
    with psycopg.connect(apart.database_url, autocommit=True) as database:
        (whole,) = one(database, f"SELECT content FROM bundle_blob WHERE {is_this}", DAMAGED.encode())
        damage = f"UPDATE bundle_blob SET content = %s WHERE {is_this}"
        database.execute(damage, (zlib.compress(DAMAGED.replace("whole", "evil").encode()), DAMAGED.encode()))
        run_id = apart.api.trigger("damaged")
        wait_until(lambda: "bundle.refused" in apart.worker_log, "the worker refuses it")
        database.execute(damage, (whole, DAMAGED.encode()))
    assert apart.api.wait_for_run("damaged", run_id)["state"] == "success"
    assert apart.api.xcom("damaged", run_id, "say") == "whole"
    (ti,) = apart.api.task_instances("damaged", run_id)
    assert ti["try_number"] == 1, "it was nobody's try"


def bundle_version(apart: Apart, dag_id: str) -> str | None:
    return apart.api.get(f"/dags/{dag_id}/details").json()["bundle_version"]


def clear(api: ApiClient, run_id: str, *, latest: bool) -> None:
    body = {"dry_run": False, "run_on_latest_version": latest}
    assert api.post(f"/dags/changes/dagRuns/{run_id}/clear", body).status_code == 200


def one(database: "psycopg.Connection[tuple[Any, ...]]", sql: str, *values: object) -> tuple[Any, ...]:
    row = database.execute(sql.encode(), values).fetchone()
    assert row is not None
    return row
