"""What is wrong with a request is answered as Airflow answers it: the same status, in the same shape.

Airflow's answers are facts, asked of Airflow itself (`python -m tests.oracle.api_errors`).
"""

import json
from collections.abc import Generator, Mapping
from typing import Any, Final

import httpx
import pytest

from tests.e2e.client import ApiClient
from tests.oracle.api_errors import FACTS, PASSWORDS, WRONG, Wrong, ask, log_in, prepare

KNOWN: Final[Mapping[str, Mapping[str, Any]]] = json.loads(FACTS.read_text())

OWN_SHAPES: Final[Mapping[str, Any]] = {"GET /nonsense": {"detail": "str"}}
"""Of what there is no path for, we say as of everything else: in `detail`."""


@pytest.fixture(scope="module")
def http(live: ApiClient) -> Generator[httpx.Client]:
    with httpx.Client(base_url=live.url, timeout=60.0, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def tokens(live: ApiClient, http: httpx.Client) -> Mapping[str, str]:
    """Of an admin and of a viewer."""
    password = PASSWORDS["viewer"]
    body = {"username": "viewer", "password": password, "role": "Viewer", "first_name": "V", "last_name": "V"}
    answer = http.post("/auth/users", json=body, headers={"Authorization": f"Bearer {live.token}"})
    assert answer.status_code == 201, answer.text
    prepare(http, live.token)
    return {"admin": live.token, "viewer": log_in(http, "viewer", password)}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_wrong_request_is_answered_as_airflow_answers_it(
    http: httpx.Client, tokens: Mapping[str, str], wrong: Wrong
) -> None:
    answer, known = ask(http, wrong, tokens), KNOWN[wrong.name]
    assert (answer.status, answer.shape) == (known["status"], OWN_SHAPES.get(wrong.name, known["shape"]))
