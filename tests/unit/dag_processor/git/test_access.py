"""Credentials reach Git, and nobody else."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tradewind.core.bundle_list import GitBundle
from tradewind.dag_processor.bundles.git.access import GitAccess, git_access
from tradewind.dag_processor.bundles.git.command import GitFailed
from tradewind.sdk.connection import Connection

TOKEN = "hunter2 'quoted'"


def access(url: str | None = None, **fields: Any) -> GitAccess:
    bundle = GitBundle(
        name="team",
        tracking_ref="main",
        subdir=None,
        git_conn_id="git",
        repo_url=url,
        submodules=False,
        refresh_interval_seconds=None,
    )
    return git_access(bundle, Connection("git", conn_type="git", **fields) if fields else None)


def asked(environment: dict[str, str], host: str) -> str:
    """What Git finds when a server of this name asks who it is."""
    question = f"protocol=https\nhost={host}\n\n"
    command = ["git", "credential", "fill"]
    return subprocess.run(
        command, input=question, env=environment, capture_output=True, text=True, check=False, timeout=10
    ).stdout


def test_a_token_is_given_to_its_host_alone_and_stands_nowhere(tmp_path: Path) -> None:
    found = access(host="https://git.example.org/team/dags.git", login="bot", password=TOKEN)
    with found.opened(tmp_path) as environment:
        answer = asked(environment, "git.example.org")
        assert "username=bot\n" in answer
        assert f"password={TOKEN}\n" in answer
        assert asked(environment, "elsewhere.example.org") == ""
        assert TOKEN not in "".join([*environment, *environment.values()])
        (private,) = tmp_path.iterdir()
        assert private.stat().st_mode & 0o077 == 0
        assert all(path.stat().st_mode & 0o077 == 0 for path in private.iterdir())
    assert list(tmp_path.iterdir()) == []
    assert TOKEN not in repr(found)
    assert found.redacted(f"remote: {TOKEN} at https://a:b@host/x") == "remote: *** at https://***@host/x"


def test_a_token_may_stand_in_the_url_and_does_not_stay_there(tmp_path: Path) -> None:
    found = access("https://bot:se%20cret@git.example.org/dags.git")
    assert found.url == "https://git.example.org/dags.git"
    with found.opened(tmp_path) as environment:
        assert "password=se cret\n" in asked(environment, "git.example.org")


def test_a_key_is_a_file_while_git_runs(tmp_path: Path) -> None:
    extra = {"private_key": "KEY", "known_hosts_file": "/etc/known", "ssh_port": 2222, "private_key_passphrase": "pass"}
    found = access("git@git.example.org:team/dags.git", extra=extra)
    with found.opened(tmp_path) as environment:
        command = environment["GIT_SSH_COMMAND"]
        (private,) = tmp_path.iterdir()
        assert f"-i {private / 'key'}" in command
        assert (
            "IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=/etc/known -p 2222" in command
        )
        assert (private / "key").read_text() == "KEY\n"
        asking = subprocess.run([environment["SSH_ASKPASS"]], capture_output=True, text=True, check=True)
        assert asking.stdout == "pass\n"
        assert "KEY" not in "".join(environment.values())
        assert "pass\n" not in "".join(environment.values())


def test_without_a_passphrase_ssh_never_asks(tmp_path: Path) -> None:
    with access("ssh://git@git.example.org/dags.git").opened(tmp_path) as environment:
        assert "BatchMode=yes" in environment["GIT_SSH_COMMAND"]
        assert environment["GIT_TERMINAL_PROMPT"] == "0"
        assert "file" not in environment["GIT_ALLOW_PROTOCOL"].split(":")


def test_git_is_told_nothing_of_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND__DATABASE__URL", "postgresql://secret")
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", "other")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    with access("/srv/dags.git").opened(tmp_path) as environment:
        assert not {"TRADEWIND__DATABASE__URL", "AIRFLOW_CONN_OTHER", "GIT_DIR"} & environment.keys()


@pytest.mark.parametrize(
    ("url", "fields", "part"),
    [
        (None, {"login": "x"}, "'git' has no host"),
        (None, {"host": "--upload-pack=evil"}, "'git' is no URL of a repository"),
        (None, {"host": "https://h/x", "password": "a\nhost=evil"}, "'git' has a line break"),
        ("git@h:x", {"extra": {"private_key": "a", "key_file": "b"}}, "one is enough"),
        ("git@h:x", {"extra": {"strict_host_key_checking": "maybe"}}, "must be one of accept-new"),
        ("https://h/x", {"extra": {"github_app_id": "1"}}, "use a token"),
    ],
)
def test_what_does_not_fit_is_said(url: str | None, fields: dict[str, Any], part: str) -> None:
    with pytest.raises(GitFailed, match=part):
        access(url, **fields)
