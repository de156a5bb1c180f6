"""Whom a command asks, with which words it proves itself, and what it makes of the answers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer

from tests.servers.command_line import run_commands
from tradewind.cli.access.api import Api, told
from tradewind.cli.access.choosing import configured_url
from tradewind.cli.access.remote import logged_in
from tradewind.service.environment import SecretStr
from tradewind.service.settings import ApiSettings, ServiceSettings

Peer = Callable[[httpx.Request], httpx.Response]


def settings(home: Path, password: str | None = None, **fields: Any) -> ServiceSettings:
    secret = None if password is None else SecretStr(password)
    return ServiceSettings(home=home, api=ApiSettings(admin_password=secret, **fields))


def client(peer: Peer, url: str = "http://127.0.0.1:8080") -> httpx.Client:
    return httpx.Client(base_url=url, transport=httpx.MockTransport(peer))


class Doorman:
    """Gives a token for the right password, and notes all that is sent to it."""

    def __init__(self, password: str = "right") -> None:
        self.password = password
        self.seen: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        if request.url.path == "/auth/token":
            is_right = json.loads(request.content)["password"] == self.password
            return httpx.Response(201 if is_right else 401, json={"access_token": "t", "detail": "Invalid credentials"})
        return httpx.Response(200, json={"version": "1"})

    @property
    def was_told(self) -> str:
        return b"".join(request.content for request in self.seen).decode()


def kept(home: Path, password: str) -> Path:
    (home / "secrets").mkdir()
    (home / "secrets" / "admin_password").write_text(password + "\n")
    return home


def test_a_token_is_sent_and_no_password(tmp_path: Path) -> None:
    doorman = Doorman()
    api = logged_in(client(doorman), "http://far", "mine", settings(tmp_path, "right"), is_named=True)
    assert api.get("version") == {"version": "1"}
    assert [request.headers["authorization"] for request in doorman.seen] == ["Bearer mine"]
    assert "right" not in doorman.was_told


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:8080"])
def test_a_generated_password_is_for_this_machine(tmp_path: Path, url: str) -> None:
    doorman = Doorman()
    api = logged_in(client(doorman, url), url, None, settings(kept(tmp_path, "right")), is_named=True)
    api.get("version")
    assert doorman.seen[-1].headers["authorization"] == "Bearer t"


def test_a_generated_password_goes_nowhere_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    doorman = Doorman()
    url = "http://far.example.org"
    with pytest.raises(typer.Exit):
        logged_in(client(doorman, url), url, None, settings(kept(tmp_path, "right")), is_named=True)
    assert "right" not in doorman.was_told
    assert "give a token by TRADEWIND_API_TOKEN" in capsys.readouterr().err


def test_a_password_that_somebody_set_is_used_anywhere(tmp_path: Path) -> None:
    doorman = Doorman()
    url = "https://far.example.org"
    logged_in(client(doorman, url), url, None, settings(tmp_path, "right"), is_named=True).get("version")
    assert doorman.seen[-1].headers["authorization"] == "Bearer t"


def test_a_wrong_password_names_the_way_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        logged_in(client(Doorman("other")), "http://far", None, settings(tmp_path, "right"), is_named=True)
    assert "does not know the password that this machine has for 'admin'" in capsys.readouterr().err


def test_nobody_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    for is_named, said in ((True, "Is the address right (--api-url"), (False, "begin with `tradewind standalone`")):
        with pytest.raises(typer.Exit):
            logged_in(client(refuse), "http://far", "t", settings(tmp_path), is_named=is_named).get("dags")
        error = capsys.readouterr().err
        assert error.startswith("The API at http://far cannot be reached: connection refused. ")
        assert said in error


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (httpx.Response(404, json={"detail": "The DAG was not found"}), "The DAG was not found"),
        (httpx.Response(409, json={"detail": {"reason": "x", "message": "There is one"}}), "There is one"),
        (httpx.Response(409, json={"detail": {"reason": "x"}}), "{'reason': 'x'}"),
        (
            httpx.Response(422, json={"detail": [{"loc": ["body", "a", 0], "msg": "is bad", "type": "t"}]}),
            "a.0: is bad",
        ),
        (httpx.Response(502, text="<html>"), "<html>"),
        (httpx.Response(503), "Service Unavailable"),
    ],
)
def test_an_error_is_a_sentence(answer: httpx.Response, text: str) -> None:
    assert told(answer) == text


def test_lists_are_read_page_by_page_and_paths_are_quoted() -> None:
    asked: list[str] = []

    def pages(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path.decode())
        offset, cursor = int(request.url.params.get("offset", 0)), request.url.params.get("cursor")
        if cursor is not None:
            return httpx.Response(200, json={"runs": [cursor], "next_cursor": {"": "a", "a": "b"}.get(cursor)})
        return httpx.Response(200, json={"dags": [{"n": offset + n} for n in range(2)], "total_entries": 4})

    api = Api(client(pages), "The API", "no way")
    assert [each["n"] for each in api.each("dags", key="dags", tags=None, states=["x", "y"])] == [0, 1, 2, 3]
    assert asked == [f"/api/v2/dags?states=x&states=y&limit=100&offset={offset}" for offset in (0, 2)]
    assert list(api.each_by_cursor("runs", key="runs")) == ["", "a", "b"]
    api.get("dags", "a/b c?d", "~")
    api.get("/auth", "users", "x y")
    assert asked[-2:] == ["/api/v2/dags/a%2Fb%20c%3Fd/~", "/auth/users/x%20y"]


@pytest.mark.parametrize(("host", "url"), [("0.0.0.0", "http://127.0.0.1:1"), ("::1", "http://[::1]:1")])
def test_this_machines_api_is_where_the_settings_say(tmp_path: Path, host: str, url: str) -> None:
    assert configured_url(settings(tmp_path, host=host, port=1)) == url


def test_info_names_what_is_set_and_no_password(tmp_path: Path) -> None:
    own = {
        "TRADEWIND__HOME": str(tmp_path),
        "TRADEWIND__DATABASE__URL": "postgresql://me:topsecret@db.example.org:5432/name",
        "TRADEWIND__BROKER__URL": "amqp://you:topsecret@mq.example.org/",
        "HOME": str(tmp_path),
    }
    commands = (["info", "-o", "json"], ["info", "--anonymize"], ["dags", "list", "--api-url", "ftp://x"])
    whole, shared, wrong = run_commands(commands, own)
    (told_whole,) = json.loads(whole.out)
    assert told_whole["Tradewind"]["database"] == "postgresql://me@db.example.org:5432/name"
    assert told_whole["Tradewind"]["home"] == str(tmp_path)
    assert "topsecret" not in whole.out + shared.out
    assert (str(tmp_path) in shared.out, "${HOME}" in shared.out) == (False, True)
    assert (wrong.code, "begins with http:// or https://" in wrong.err) == (2, True)
