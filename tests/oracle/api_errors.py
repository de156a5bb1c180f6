"""What Airflow's API answers to requests that are wrong in some way, asked of Airflow itself:
`python -m tests.oracle.api_errors` writes `api_errors.json`, which the suite holds our answers against."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import httpx

from tests.servers.airflow import airflow_stack
from tests.servers.postgres import postgres_server
from tests.servers.process import wait_until

FACTS: Final = Path(__file__).with_name("api_errors.json")

DAG_FILE: Final = """\
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("wrong", schedule=None):
    EmptyOperator(task_id="one")
"""

PASSWORDS: Final = {"admin": "one of six words", "viewer": "another of six words"}
"""Of users by their names; these are their roles, too."""

RUN: Final = "/dags/wrong/dagRuns/r"
TASK: Final = f"{RUN}/taskInstances/one"


DAYS: Final = {"from_date": "2024-01-01T00:00:00Z", "to_date": "2024-01-02T00:00:00Z"}


@dataclass(frozen=True, slots=True)
class Wrong:
    """A request that is refused. `body` is sent as it is if it is text; `headers` come in addition."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    who: str | None = "admin"
    """None: nobody is logged in."""

    @property
    def name(self) -> str:
        words = [self.method, self.path]
        if self.body is not None:
            words.append(self.body if isinstance(self.body, str) else json.dumps(self.body))
        words += [f"{key}: {value}" for key, value in self.headers.items()]
        return " ".join(words + ([] if self.who == "admin" else [f"({self.who or 'nobody'})"]))


WRONG: Final = (
    Wrong("GET", "/dags", who=None),
    Wrong("GET", "/dags", headers={"Authorization": "Bearer nonsense"}, who=None),
    Wrong("POST", "/variables", {"key": "k", "value": "v"}, who=None),
    Wrong("POST", "/variables", {"key": "k", "value": "v"}, who="viewer"),
    Wrong("PATCH", "/dags/wrong", {"is_paused": True}, who="viewer"),
    Wrong("POST", "/dags/wrong/dagRuns", {"logical_date": None}, who="viewer"),
    Wrong("DELETE", "/pools/none", who="viewer"),
    Wrong("GET", "/dags/none"),
    Wrong("GET", "/dags/none/details"),
    Wrong("GET", "/dags/none/tasks"),
    Wrong("GET", "/dags/wrong/tasks/none"),
    Wrong("GET", "/dags/wrong/dagRuns/none"),
    Wrong("GET", f"{RUN}/taskInstances/none"),
    Wrong("GET", f"{TASK}/5"),
    Wrong("GET", f"{TASK}/tries/9"),
    Wrong("GET", f"{TASK}/xcomEntries/none"),
    Wrong("GET", f"{TASK}/logs/9"),
    Wrong("GET", "/pools/none"),
    Wrong("GET", "/variables/none"),
    Wrong("GET", "/connections/none"),
    Wrong("GET", "/assets/99999"),
    Wrong("GET", "/importErrors/99999"),
    Wrong("GET", "/eventLogs/99999"),
    Wrong("GET", "/backfills/99999"),
    Wrong("GET", "/dags/wrong/dagVersions/99"),
    Wrong("GET", "/dags?limit=x"),
    Wrong("GET", "/dags?limit=-1"),
    Wrong("GET", "/dags?order_by=nonsense"),
    Wrong("GET", "/dags/wrong/dagRuns?state=nonsense"),
    Wrong("GET", "/dags/wrong/dagRuns?start_date_gte=nonsense"),
    Wrong("GET", f"{RUN}/taskInstances?state=nonsense"),
    Wrong("GET", "/importErrors/x"),
    Wrong("POST", "/dags/none/dagRuns", {"logical_date": None}),
    Wrong("POST", "/dags/wrong/dagRuns", {"dag_run_id": "r", "logical_date": None}),
    Wrong("POST", "/dags/wrong/dagRuns", {"logical_date": "nonsense"}),
    Wrong("POST", "/dags/wrong/dagRuns", {"logical_date": None, "conf": 3}),
    Wrong("POST", "/dags/wrong/dagRuns", {"logical_date": None, "unknown": 1}),
    Wrong("POST", "/dags/wrong/dagRuns", "{nonsense"),
    Wrong("PATCH", "/dags/none", {"is_paused": True}),
    Wrong("PATCH", "/dags/wrong", {"is_paused": "perhaps"}),
    Wrong("PATCH", "/dags/wrong?update_mask=tags", {"is_paused": True}),
    Wrong("PATCH", RUN, {"state": "nonsense"}),
    Wrong("PATCH", TASK, {"new_state": "nonsense"}),
    Wrong("POST", "/pools", {"name": "p"}),
    Wrong("POST", "/pools", {"name": "default_pool", "slots": 1, "include_deferred": False}),
    Wrong("DELETE", "/pools/default_pool"),
    Wrong("DELETE", "/pools/none"),
    Wrong("PATCH", "/pools/none", {"slots": 1}),
    Wrong("POST", "/variables", {"key": "k"}),
    Wrong("PATCH", "/variables/a", {"key": "b", "value": "v"}),
    Wrong("DELETE", "/variables/none"),
    Wrong("POST", "/connections", {"connection_id": "c"}),
    Wrong("POST", "/connections", {"connection_id": "a b", "conn_type": "http"}),
    Wrong("DELETE", "/connections/none"),
    Wrong("PATCH", "/connections/a", {"connection_id": "b", "conn_type": "http"}),
    Wrong("POST", f"{TASK}/xcomEntries", {"key": ""}),
    Wrong("POST", "/dags/wrong/clearTaskInstances", {"dry_run": True, "dag_run_id": "none"}),
    Wrong("POST", "/dags/none/clearTaskInstances", {"dry_run": True}),
    Wrong("POST", "/backfills", {"dag_id": "none", **DAYS}),
    Wrong("POST", "/assets/events", {"asset_id": 99999}),
    Wrong("GET", "/nonsense"),
    Wrong("PUT", "/dags"),
    Wrong("DELETE", "/dags/none"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and the shape of what comes with it."""

    status: int
    shape: Any


def shape_of(value: Any) -> Any:
    """A document without its values: names and kinds; of a list, the shape of its first element."""
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        return {key: "any" if key in ("input", "ctx") else shape_of(named[key]) for key in sorted(named)}
    if isinstance(value, list):
        elements = cast("Sequence[Any]", value)
        return [shape_of(elements[0])] if elements else []
    return type(value).__name__


def ask(http: httpx.Client, wrong: Wrong, tokens: Mapping[str, str]) -> Answer:
    """Send it below `/api/v2`, with the token of whoever asks."""
    headers = dict(wrong.headers)
    if wrong.who is not None:
        headers["Authorization"] = f"Bearer {tokens[wrong.who]}"
    body: dict[str, Any] = {}
    if isinstance(wrong.body, str):
        headers["Content-Type"] = "application/json"
        body["content"] = wrong.body
    elif wrong.body is not None:
        body["json"] = wrong.body
    answer = http.request(wrong.method, f"/api/v2{wrong.path}", headers=headers, **body)
    is_json = answer.headers.get("content-type", "").startswith("application/json")
    return Answer(answer.status_code, shape_of(answer.json()) if is_json else "text")


def log_in(http: httpx.Client, username: str, password: str) -> str:
    """The token."""
    answer = http.post("/auth/token", json={"username": username, "password": password})
    return answer.raise_for_status().json()["access_token"]


def prepare(http: httpx.Client, token: str) -> None:
    """Have the DAG, and its run `r`."""
    headers = {"Authorization": f"Bearer {token}"}
    wait_until(lambda: http.get("/api/v2/dags/wrong", headers=headers).status_code == 200, 120.0, "the DAG")
    http.patch("/api/v2/dags/wrong", json={"is_paused": False}, headers=headers).raise_for_status()
    http.post(
        "/api/v2/dags/wrong/dagRuns", json={"dag_run_id": "r", "logical_date": None}, headers=headers
    ).raise_for_status()
    path = "/api/v2/dags/wrong/dagRuns/r"
    wait_until(lambda: http.get(path, headers=headers).json()["state"] == "success", 120.0, "the run")


def main() -> None:
    """Ask Airflow, and write what it answers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "dags").mkdir()
        (folder / "dags" / "wrong.py").write_text(DAG_FILE)
        passwords = folder / "passwords.json"
        passwords.write_text(json.dumps(PASSWORDS))
        variables = {
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{who}:{who}" for who in PASSWORDS),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        }
        with (
            postgres_server() as postgres,
            postgres.new_database("template0") as url,
            airflow_stack(folder, dags_folder=folder / "dags", database_url=url, variables=variables) as (api_url, _),
            httpx.Client(base_url=api_url, timeout=60.0, trust_env=False) as http,
        ):
            tokens = {who: log_in(http, who, password) for who, password in PASSWORDS.items()}
            prepare(http, tokens["admin"])
            answers = {wrong.name: ask(http, wrong, tokens) for wrong in WRONG}
    facts = {name: {"status": answer.status, "shape": answer.shape} for name, answer in answers.items()}
    FACTS.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
