"""Variables and connections as a command gets to see them, and files as it is given them."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import typer

from tradewind.cli.access.failing import fail
from tradewind.cli.stored_files.texts import FileProblem

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

STDOUT: Final = "-"
MASK: Final = "***"

ReadT = TypeVar("ReadT")


def all_of(api: "Api", noun: str) -> Sequence[dict[str, Any]]:
    """All variables or connections by their columns: with their secrets if this is the database's own machine; else
    masked, which a line on stderr says if any is."""
    own = _own(api, noun)
    return own if own is not None else _told_if_masked([_by_column(each) for each in api.each(noun, key=noun)])


def one_of(api: "Api", noun: str, key_name: str, key: str) -> dict[str, Any] | None:
    """The one of this key, likewise."""
    own = _own(api, noun)
    if own is not None:
        return next((each for each in own if each[key_name] == key), None)
    found = api.found(noun, key)
    return None if found is None else _told_if_masked([_by_column(found)])[0]


def _by_column(shown: dict[str, Any]) -> dict[str, Any]:
    return {**shown, "conn_id": shown.get("connection_id")}


def _told_if_masked(found: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    if any(MASK in str(value) for each in found for value in each.values()):
        typer.echo(f"Secrets are masked ({MASK}): only a command on the database itself can show them", err=True)
    return found


def _own(api: "Api", noun: str) -> Sequence[dict[str, Any]] | None:
    """With their secrets, if this process or this user's `tradewind standalone` has the database."""
    answer = api.sent("GET", f"/own-values/{noun}")
    return answer.json() if answer.is_success else _values_of_standalone(api, noun)


def _values_of_standalone(api: "Api", noun: str) -> Sequence[dict[str, Any]] | None:
    """Out of the database that `tradewind standalone` runs here for this user, if it is that one's API; else None."""
    from tradewind.cli.access.choosing import configured_url
    from tradewind.cli.standalone import DATABASE_FOLDER
    from tradewind.db.embedded import running_url
    from tradewind.service.secrets import fernet_key
    from tradewind.service.settings import ServiceSettings, load_settings

    settings = load_settings(ServiceSettings)
    url = running_url(settings.home / DATABASE_FOLDER) if api.address == configured_url(settings) else None
    if url is None:
        return None
    from tradewind.cli.kept.own_values import own_values_at

    return own_values_at(url, fernet_key(settings), noun)


def read_file(file: Path, read: Callable[[str], ReadT]) -> ReadT:
    """What a file says; one that is not there or not right ends the command."""
    try:
        return read(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        fail(f"{file} cannot be read: {exc}")
    except FileProblem as exc:
        fail(f"{file}: {exc}")


def write_file(file: str, text: str, done: str) -> None:
    """To a file (`-`: stdout), which others cannot read: there may be secrets in it."""
    if file == STDOUT:
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        return
    path = Path(file)
    try:
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        fail(f"{file} cannot be written: {exc}")
    typer.echo(f"{done} to {file}")


def act(api: "Api", noun: str, action: dict[str, Any]) -> Sequence[str]:
    """Do one action on many; the keys that succeeded. What is refused ends the command."""
    done = api.patch(noun, body={"actions": [action]})[action["action"]]
    if done["errors"]:
        fail("; ".join(error["error"] for error in done["errors"]))
    return done["success"]
