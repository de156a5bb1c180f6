"""How a repository is reached: its URL, and credentials, which Git gets through files that only this user can read.

They are in no argument, no environment and no configuration that stays; the files are gone when the command is over.
"""

import os
import re
import shlex
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import unquote, urlsplit

from tradewind.core.bundle_list import GitBundle, is_repository_url
from tradewind.dag_processor.bundles.git.command import GitFailed, git_environment
from tradewind.sdk.connection import Connection

ACCESS_PREFIX: Final = "access-"
"""Folders of such files are called so: what a crash left behind is removed with the next refresh."""
_HOST_KEY_CHECKS: Final = ("accept-new", "yes", "no", "off", "ask")
_CREDENTIALS_IN_URL: Final = re.compile(r"(?<=://)[^/@\s]*@")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitAccess:
    """One repository, and who asks for it."""

    url: str
    """Without credentials."""
    username: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    """For http(s); empty: none."""
    private_key: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)
    ssh_options: tuple[str, ...] = ()

    @contextmanager
    def opened(self, folder: Path) -> Generator[dict[str, str]]:
        """The environment of Git commands that speak to the repository; `folder` takes the files meanwhile."""
        with TemporaryDirectory(dir=folder, prefix=ACCESS_PREFIX) as private:
            yield git_environment(self._config(Path(private)), self._variables(Path(private)))

    def redacted(self, text: str) -> str:
        """What Git says, without credentials."""
        for secret in (self.token, self.private_key, self.passphrase):
            if secret:
                text = text.replace(secret, "***")
        return _CREDENTIALS_IN_URL.sub("***@", text)

    def _config(self, private: Path) -> list[tuple[str, str]]:
        if not self.token:
            return []
        answer = private / "credentials"
        _write(answer, f"username={self.username}\npassword={self.token}\n")
        helper = f'!f() {{ test "$1" = get && cat {shlex.quote(str(answer))}; }}; f'
        parts = urlsplit(self.url)
        name = f"credential.{parts.scheme}://{parts.netloc}.helper"
        return [(name, ""), (name, helper)]  # the first makes Git forget the helpers of its own configuration

    def _variables(self, private: Path) -> dict[str, str]:
        protocols = ["git", "http", "https", "ssh", *(["file"] if _is_local(self.url) else [])]
        variables = {"GIT_ALLOW_PROTOCOL": ":".join(protocols)}
        options = list(self.ssh_options)
        if self.private_key:
            key = private / "key"
            _write(key, self.private_key.rstrip("\n") + "\n")
            options = ["-i", str(key), "-o", "IdentitiesOnly=yes", *options]
        if self.passphrase:
            answer, program = private / "passphrase", private / "askpass"
            _write(answer, f"{self.passphrase}\n")
            _write(program, f"#!/bin/sh\ncat {shlex.quote(str(answer))}\n", mode=0o700)
            variables |= {"SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":"}
            options += ["-o", "PasswordAuthentication=no", "-o", "KbdInteractiveAuthentication=no"]
        if options:
            quiet = [] if self.passphrase else ["-o", "BatchMode=yes"]
            variables["GIT_SSH_COMMAND"] = shlex.join(["ssh", "-o", "ConnectTimeout=30", *quiet, *options])
        return variables


def git_access(bundle: GitBundle, connection: Connection | None) -> GitAccess:
    """What a bundle and its connection come to; raises `GitFailed` if they do not fit."""
    url = bundle.repo_url or (connection.host if connection is not None else None)
    if not url:
        raise GitFailed(
            f"the connection {bundle.git_conn_id!r} has no host (the repository's URL), and there is no repo_url"
        )
    url, username, token = _split(url)
    if not is_repository_url(url):
        raise GitFailed(f"the host of the connection {bundle.git_conn_id!r} is no URL of a repository")
    if connection is None:
        return GitAccess(url=url, username=username, token=token, ssh_options=_ssh_options(url, {}))
    extra = connection.extra_dejson
    if extra.get("github_app_id") or extra.get("host_proxy_cmd"):
        raise GitFailed(
            f"the connection {bundle.git_conn_id!r} has github_app_id or host_proxy_cmd, which are unknown here: use a "
            "token as its password, or a ProxyCommand in ssh_config_file"
        )
    username, token = connection.login or username, connection.password or token
    if any(character in f"{username}{token}" for character in "\n\0"):
        raise GitFailed(f"login or password of the connection {bundle.git_conn_id!r} has a line break")
    if extra.get("key_file") and extra.get("private_key"):
        raise GitFailed(f"the connection {bundle.git_conn_id!r} has both key_file and private_key: one is enough")
    return GitAccess(
        url=url,
        username=username or "user",
        token=token if url.startswith(("http://", "https://")) else "",
        private_key=str(extra.get("private_key") or ""),
        passphrase=str(extra.get("private_key_passphrase") or ""),
        ssh_options=_ssh_options(url, extra),
    )


def _split(url: str) -> tuple[str, str, str]:
    """A URL without the user and password that it may have, and these."""
    if not url.startswith(("http://", "https://")):
        return str(Path(url).expanduser()) if url.startswith("~") else url, "", ""
    parts = urlsplit(url)
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    if not password:
        return url, "", ""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), unquote(user), unquote(password)


def _ssh_options(url: str, extra: Mapping[str, object]) -> tuple[str, ...]:
    """Of a connection; none for what does not go over SSH."""
    if url.startswith(("http://", "https://")) or _is_local(url):
        return ()
    checks = str(extra.get("strict_host_key_checking") or "accept-new")
    if checks not in _HOST_KEY_CHECKS:
        raise GitFailed(f"strict_host_key_checking must be one of {', '.join(_HOST_KEY_CHECKS)}, not {checks!r}")
    options = ["-o", f"StrictHostKeyChecking={checks}"]
    if known_hosts := extra.get("known_hosts_file"):
        options += ["-o", f"UserKnownHostsFile={known_hosts}"]
    for name, flag in (("ssh_config_file", "-F"), ("ssh_port", "-p")):
        if value := extra.get(name):
            options += [flag, str(value)]
    if key_file := extra.get("key_file"):
        options += ["-i", str(key_file), "-o", "IdentitiesOnly=yes"]
    return tuple(options)


def _is_local(url: str) -> bool:
    return url.startswith(("file://", "/", "./", "../"))


def _write(path: Path, text: str, *, mode: int = 0o600) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
