"""Thousands of requests that a program makes up of our OpenAPI document: none is answered with a server's error, none
with anything that the document does not say. Some five minutes on two cores, so only by `make test-full` or by name.
"""

import re
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.client import ApiClient
from tests.e2e.client_operations import dag_files
from tests.servers.environments import SCHEMATHESIS, environment
from tests.servers.postgres import PostgresServer
from tests.servers.stack import standalone_stack

pytestmark = pytest.mark.full

CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
ENDLESS: Final = "/api/v2/events|/wait$"
OTHERS: Final = "/auth/logout|/api/v2/auth/|/execution"
"""Logging out would end the session that asks; what only task processes may ask has no user's token."""

SEED: Final = 7
REQUESTS_MIN: Final = 5_000
MINUTES: Final = 15


@pytest.fixture
def live(postgres: PostgresServer, tmp_path: Path) -> Generator[ApiClient]:
    """A Tradewind of the test's own, with a run that has ended."""
    dags_folder = tmp_path / "dags"
    dags_folder.mkdir()
    dag_files.write(dags_folder)
    with postgres.new_database() as database_url:
        environment_ = {"TRADEWIND__DATABASE__URL": database_url, "TRADEWIND__API__EXPOSE_CONFIG": "True"}
        with (
            standalone_stack(tmp_path, dags_folder=dags_folder, environment=environment_) as stack,
            ApiClient(stack.api_url, stack.username, stack.password) as client,
        ):
            client.wait_for_dag("etl")
            client.unpause("etl")
            client.trigger("etl", dag_run_id="r1")
            client.wait_for_run("etl", "r1")
            yield client


def test_made_up_requests_are_answered_as_our_document_says(
    live: ApiClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = environment("schemathesis", SCHEMATHESIS) / "st"
    command = [
        *(str(program), "run", f"{live.url}/openapi.json", "--url", live.url, "--seed", str(SEED)),
        *("--header", f"Authorization: Bearer {live.token}", "--checks", ",".join(CHECKS)),
        *("--phases", "coverage,fuzzing", "--max-examples", "15", "--no-shrink", "--continue-on-failure"),
        *("--suppress-health-check", "all", "--generation-database", "none", "--warnings", "off", "--no-color"),
        *("--request-timeout", "60", "--exclude-path-regex", f"{ENDLESS}|{OTHERS}"),
    ]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=MINUTES * 60, check=False)
    found = re.search(r"(\d+) generated", ended.stdout)
    assert found is not None, ended.stdout[-3000:]
    with capsys.disabled():
        print(f"\nrequests made up of our OpenAPI document: {found[1]}")  # noqa: T201
    assert ended.returncode == 0, ended.stdout[-8000:]
    assert int(found[1]) >= REQUESTS_MIN
