"""What people ask of runs, on live systems: clear, mark, move to another version, delete."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.process import is_alive
from tests.servers.stack import Stack

KILL_SECONDS = 10.0
"""The API tells the worker at once: it takes a fraction of a second where the machine has one to spare."""
FILE = """
import os, time
from pathlib import Path
from airflow.sdk import DAG, BaseOperator, TriggerRule, task, task_group

FOLDER = Path({folder!r})

class Until(BaseOperator):
    def __init__(self, word, **fields):
        super().__init__(**fields)
        self.word = word
    def execute(self, context):
        self.folder = FOLDER / context["run_id"]
        self.folder.mkdir(exist_ok=True)
        (self.folder / (self.task_id + ".pid")).write_text(str(os.getpid()))
        while not (self.folder / self.word).exists():
            time.sleep(0.02)
        return context["ti"].try_number
    def on_kill(self):
        (self.folder / (self.task_id + ".killed")).touch()

@task
def fails_without(word, run_id=None):
    if not (FOLDER / run_id / word).exists():
        raise ValueError(word)
    return word

def told(context):
    (FOLDER / context["run_id"] / "told").touch()

with DAG("people", description=str(FOLDER)):
    first = Until(task_id="first", word="go", on_failure_callback=told, on_retry_callback=told)
    second = fails_without.override(task_id="second")("mended")
    third = Until(task_id="third", word="go")
    first >> second >> third

with DAG("mapped_people"):
    @task
    def source(run_id=None):
        return list(range(len(list((FOLDER / run_id).glob("item*")))))
    @task
    def each(n):
        return n * n
    @task(trigger_rule=TriggerRule.ALL_DONE)
    def total(values):
        return sum(values)
    total(each.expand(n=source()))

with DAG("resetting"):
    from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
    TriggerDagRunOperator(
        task_id="start", trigger_dag_id="target", trigger_run_id="of_it", reset_dag_run=True,
        wait_for_completion=True, poke_interval=0.1,
    )

with DAG("target"):
    @task
    def hit(ti=None):
        return ti.try_number
    hit()
"""

VERSIONS = """
from airflow.sdk import DAG, task
with DAG("versions"):
    @task
    def stays(): return {version}
    @task
    def {name}(): return {version}
    stays() >> {name}()
"""

DAGS = ("people", "mapped_people", "resetting", "target")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, dags_folder: Path, stack: Stack) -> Path:
    """Where tests and tasks leave words for each other."""
    words = tmp_path_factory.mktemp("words")
    (dags_folder / "people.py").write_text(FILE.format(folder=str(words)))
    return words


@pytest.fixture(scope="module")
def client(api: ApiClient, folder: Path) -> ApiClient:
    """With the DAGs there and running."""
    for dag_id in DAGS:
        api.wait_for_dag(dag_id)
        api.unpause(dag_id)
    # The file was there before, with the folder of another stack, and runs keep the code that they were made on.
    wait_until(lambda: api.get("/dags/people").json()["description"] == str(folder), "the file is parsed anew")
    return api


def started(client: ApiClient, folder: Path, run_id: str, *words: str) -> Path:
    """A run of `people`; its own folder, with these words said."""
    own = folder / run_id
    own.mkdir()
    for word in words:
        (own / word).touch()
    client.trigger("people", dag_run_id=run_id)
    return own


def states(client: ApiClient, run_id: str, dag_id: str = "people") -> dict[str, str | None]:
    return {ti["task_id"]: ti["state"] for ti in client.task_instances(dag_id, run_id)}


def tries(client: ApiClient, run_id: str, task_id: str) -> list[tuple[int, str | None]]:
    answer = client.get(f"/dags/people/dagRuns/{run_id}/taskInstances/{task_id}/tries")
    return [(ti["try_number"], ti["state"]) for ti in answer.json()["task_instances"]]


def clear(client: ApiClient, dag_id: str = "people", **body: Any) -> list[str]:
    """Clears for real; the task ids that were cleared."""
    answer = client.post(f"/dags/{dag_id}/clearTaskInstances", {"dry_run": False, "only_failed": False, **body})
    assert answer.status_code == 200, answer.text
    return [ti["task_id"] for ti in answer.json()["task_instances"]]


def versions(client: ApiClient) -> list[int]:
    answer = client.get("/dags/versions/dagVersions", order_by="version_number").json()
    return [version["version_number"] for version in answer["dag_versions"]]


def wait_for_pid(own: Path, task_id: str, other_than: int = 0) -> int:
    """The process of the task, once it runs."""
    file = own / f"{task_id}.pid"
    seen: list[int] = []

    def is_written() -> bool:
        seen.extend(int(word) for word in (file.read_text().split() if file.exists() else ()))
        return bool(seen) and seen[-1] != other_than

    wait_until(is_written, f"{task_id} runs")
    return seen[-1]


def test_a_running_task_that_is_cleared_is_killed_and_runs_again(client: ApiClient, folder: Path) -> None:
    own = started(client, folder, "cleared", "mended")
    pid = wait_for_pid(own, "first")
    assert clear(client, dag_run_id="cleared", task_ids=["first"]) == ["first"]
    wait_until(lambda: not is_alive(pid), "the cleared task is killed", KILL_SECONDS)
    assert (own / "first.killed").exists()
    wait_for_pid(own, "first", other_than=pid)
    (own / "go").touch()
    assert client.wait_for_run("people", "cleared")["state"] == "success"
    assert client.xcom("people", "cleared", "first") == 2
    assert tries(client, "cleared", "first") == [(1, "failed"), (2, "success")]


def test_a_running_task_that_is_marked_is_killed_and_the_run_goes_on(client: ApiClient, folder: Path) -> None:
    own = started(client, folder, "marked", "mended")
    pid = wait_for_pid(own, "first")
    path = "/dags/people/dagRuns/marked/taskInstances/first"
    assert [ti["state"] for ti in client.patch(path + "/dry_run", {"new_state": "success"}).json()["task_instances"]]
    answer = client.patch(path, {"new_state": "success", "note": "by hand"})
    assert [(ti["state"], ti["note"]) for ti in answer.json()["task_instances"]] == [("success", "by hand")]
    wait_until(lambda: not is_alive(pid), "the marked task is killed", KILL_SECONDS)
    wait_for_pid(own, "third")
    (own / "go").touch()
    assert client.wait_for_run("people", "marked")["state"] == "success"
    assert client.get(f"{path}/xcomEntries/return_value").status_code == 404
    assert not (own / "told").exists(), "nothing has failed"
    assert client.patch(path, {"new_state": "success"}).status_code == 409


def test_what_failed_is_cleared_with_what_is_below_and_the_run_succeeds(client: ApiClient, folder: Path) -> None:
    own = started(client, folder, "mended_later", "go")
    assert client.wait_for_run("people", "mended_later")["state"] == "failed"
    assert states(client, "mended_later") == {"first": "success", "second": "failed", "third": "upstream_failed"}
    (own / "mended").touch()
    asked: dict[str, Any] = {"dag_run_id": "mended_later", "task_ids": ["second"], "include_downstream": True}
    dry = client.post("/dags/people/clearTaskInstances", {**asked, "only_failed": True}).json()
    assert [(ti["task_id"], ti["state"]) for ti in dry["task_instances"]] == [
        ("second", "failed"),
        ("third", "upstream_failed"),
    ]
    assert clear(client, **asked, note="once more") == ["second", "third"]
    assert client.wait_for_run("people", "mended_later")["state"] == "success"
    assert states(client, "mended_later") == {"first": "success", "second": "success", "third": "success"}
    assert tries(client, "mended_later", "second") == [(1, "failed"), (2, "success")]


def test_a_failure_that_is_marked_as_a_success_lets_the_run_go_on(client: ApiClient, folder: Path) -> None:
    started(client, folder, "overruled", "go")
    assert client.wait_for_run("people", "overruled")["state"] == "failed"
    path = "/dags/people/dagRuns/overruled/taskInstances/second"
    assert client.patch(path, {"new_state": "success"}).status_code == 200
    assert client.wait_for_run("people", "overruled")["state"] == "success"
    assert states(client, "overruled") == {"first": "success", "second": "success", "third": "success"}


def test_a_run_that_is_marked_failed_stops_and_can_be_cleared_as_a_whole(client: ApiClient, folder: Path) -> None:
    own = started(client, folder, "stopped", "mended")
    pid = wait_for_pid(own, "first")
    run = client.patch("/dags/people/dagRuns/stopped", {"state": "failed", "note": "enough"}).json()
    assert (run["state"], run["note"]) == ("failed", "enough")
    wait_until(lambda: not is_alive(pid), "the task of the marked run is killed", KILL_SECONDS)
    assert states(client, "stopped") == {"first": "failed", "second": "skipped", "third": "skipped"}
    (own / "go").touch()
    assert client.post("/dags/people/dagRuns/stopped/clear", {"dry_run": True}).json()["total_entries"] == 3
    cleared = client.post("/dags/people/dagRuns/stopped/clear", {"dry_run": False}).json()
    assert cleared["state"] in {"queued", "running"}, "a scheduler may be faster than the answer"
    assert client.wait_for_run("people", "stopped")["state"] == "success"


def test_a_map_is_expanded_anew_when_its_source_is_cleared(client: ApiClient, folder: Path) -> None:
    own = folder / "map"
    own.mkdir()
    for name in ("item1", "item2", "item3"):
        (own / name).touch()
    client.trigger("mapped_people", dag_run_id="map")
    client.wait_for_run("mapped_people", "map")
    assert client.xcom("mapped_people", "map", "total") == 5
    (own / "item4").touch()
    clear(client, "mapped_people", dag_run_id="map")
    client.wait_for_run("mapped_people", "map")
    assert client.xcom("mapped_people", "map", "total") == 14
    for name in ("item3", "item4"):
        (own / name).unlink()
    clear(client, "mapped_people", dag_run_id="map", task_ids=["source"], include_downstream=True)
    client.wait_for_run("mapped_people", "map")
    assert client.xcom("mapped_people", "map", "total") == 1
    found = client.task_instances("mapped_people", "map")
    assert [ti["state"] for ti in found if ti["task_id"] == "each"] == ["success", "success", "removed", "removed"]
    assert clear(client, "mapped_people", dag_run_id="map", task_ids=[["each", 1]]) == ["each"]
    client.wait_for_run("mapped_people", "map")


def test_a_task_resets_the_run_that_it_triggered_before(client: ApiClient, folder: Path) -> None:
    for number in (1, 2):
        client.trigger("resetting", dag_run_id=f"reset{number}")
        assert client.wait_for_run("resetting", f"reset{number}")["state"] == "success"
        assert client.xcom("target", "of_it", "hit") == number


@pytest.fixture
def versions_file(dags_folder: Path) -> Generator[Path]:
    """Gone afterwards: the next stack has the same folder."""
    file = dags_folder / "versions.py"
    yield file
    file.unlink(missing_ok=True)


def test_a_run_keeps_its_version_until_it_is_cleared_on_the_latest(client: ApiClient, versions_file: Path) -> None:
    file = versions_file
    file.write_text(VERSIONS.format(version=1, name="old"))
    client.wait_for_dag("versions")
    client.unpause("versions")
    client.trigger("versions", dag_run_id="v")
    client.wait_for_run("versions", "v")
    file.write_text(VERSIONS.format(version=2, name="new"))
    wait_until(lambda: versions(client) == [1, 2], "the second version")
    clear(client, "versions", dag_run_id="v", task_ids=["stays"])
    run = client.wait_for_run("versions", "v")
    assert [version["version_number"] for version in run["dag_versions"]] == [1]
    clear(client, "versions", dag_run_id="v", task_ids=["stays"], run_on_latest_version=True)
    run = client.wait_for_run("versions", "v")
    assert [version["version_number"] for version in run["dag_versions"]] == [2]
    assert states(client, "v", "versions") == {"stays": "success", "old": "removed", "new": "success"}
    assert client.xcom("versions", "v", "stays") == 2
    file.write_text(VERSIONS.format(version=3, name="newer"))
    wait_until(lambda: versions(client) == [1, 2, 3], "the third version")
    only_new = {"only_new": True, "dry_run": True}
    new = client.post("/dags/versions/dagRuns/v/clear", only_new).json()
    assert [task["task_id"] for task in new["task_instances"]] == ["newer"]
    assert client.post("/dags/versions/dagRuns/v/clear", {**only_new, "dry_run": False}).status_code == 200
    client.wait_for_run("versions", "v")
    assert states(client, "v", "versions") == {
        "stays": "success",
        "old": "removed",
        "new": "removed",
        "newer": "success",
    }
    assert client.xcom("versions", "v", "stays") == 2


def test_runs_and_task_instances_are_deleted(client: ApiClient, folder: Path) -> None:
    own = started(client, folder, "deleted", "mended")
    pid = wait_for_pid(own, "first")
    assert client.delete("/dags/people/dagRuns/deleted").status_code == 409
    assert client.delete("/dags/people/dagRuns/deleted/taskInstances/first").status_code == 200
    wait_until(lambda: not is_alive(pid), "the task of the deleted instance is killed", KILL_SECONDS)
    wait_for_pid(own, "first", other_than=pid)
    (own / "go").touch()
    assert client.wait_for_run("people", "deleted")["state"] == "success"
    assert client.delete("/dags/people/dagRuns/deleted").status_code == 204
    assert client.get("/dags/people/dagRuns/deleted").status_code == 404


def tradewind(stack: Stack, home: Path, *words: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    """The command line, as somebody with the admin's password has it."""
    own = {
        "TRADEWIND_API_URL": stack.api_url,
        "TRADEWIND__HOME": str(home),
        "TRADEWIND__API__ADMIN_USERNAME": stack.username,
        "TRADEWIND__API__ADMIN_PASSWORD": stack.password,
    }
    command = [sys.executable, "-m", "tradewind.cli", *words]
    return subprocess.run(
        command, env={**os.environ, **own}, input=answer, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_line_clears_and_shows_states(
    client: ApiClient, stack: Stack, folder: Path, tmp_path: Path
) -> None:
    own = started(client, folder, "by_command", "go")
    assert client.wait_for_run("people", "by_command")["state"] == "failed"
    state = tradewind(stack, tmp_path, "tasks", "state", "people", "second", "by_command")
    assert (state.returncode, state.stdout) == (0, "failed\n"), state.stderr
    shown = tradewind(stack, tmp_path, "tasks", "states-for-dag-run", "people", "by_command", "-o", "json")
    assert {row["task_id"]: row["state"] for row in json.loads(shown.stdout)} == states(client, "by_command")
    (own / "mended").touch()
    words = ("tasks", "clear", "people", "-t", "^second$", "--downstream", "--only-failed")
    refused = tradewind(stack, tmp_path, *words, answer="n\n")
    assert "by_command  second" in refused.stdout
    assert states(client, "by_command")["second"] == "failed"
    done = tradewind(stack, tmp_path, *words, "--yes")
    assert done.returncode == 0, done.stderr
    assert client.wait_for_run("people", "by_command")["state"] == "success"
    unknown = tradewind(stack, tmp_path, "tasks", "state", "people", "second", "never")
    assert (unknown.returncode, "never" in unknown.stderr) == (1, True)


def test_one_task_is_run_by_hand_and_followed_to_its_end(
    client: ApiClient, stack: Stack, folder: Path, tmp_path: Path
) -> None:
    own = started(client, folder, "by_hand", "go")
    assert client.wait_for_run("people", "by_hand")["state"] == "failed"
    run = ("tasks", "run", "people", "second", "by_hand")
    refused = tradewind(stack, tmp_path, *run)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "Task Instance State: its state is 'failed'" in refused.stderr
    failed = tradewind(stack, tmp_path, *run, "--force")
    assert (failed.returncode, "ValueError: mended" in failed.stdout) == (1, True), failed.stderr
    (own / "mended").touch()
    done = tradewind(stack, tmp_path, *run, "-f")
    assert (done.returncode, "Returned value was: mended" in done.stdout) == (0, True), done.stderr
    assert "Queued as try 3" in done.stderr
    marked = tradewind(stack, tmp_path, "tasks", "run", "people", "third", "by_hand", "-A", "-m")
    assert (marked.returncode, "its code was not run" in marked.stdout) == (0, True), marked.stderr
    assert client.wait_for_run("people", "by_hand")["state"] == "success"
    assert tries(client, "by_hand", "second") == [(1, "failed"), (2, "failed"), (3, "success")]
    assert client.get("/pools/default_pool").json()["occupied_slots"] == 0
