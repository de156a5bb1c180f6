"""The group `users`."""

import secrets
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.access.failing import fail
from tradewind.cli.output.rows import Output, OutputFormat, picked, show
from tradewind.cli.output.talking import Yes, agrees

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

USERS: Final = ("/auth", "users")
COLUMNS: Final = ("username", "email", "first_name", "last_name", "role", "is_active", "created_at")
USAGE: Final = 2

RoleName = Literal["Admin", "Op", "User", "Viewer", "Public"]
Username = Annotated[str, typer.Option("--username", "-u", help="The user's name.")]
Role = Annotated[RoleName, typer.Option("--role", "-r", help="What the user may do.")]
Password = Annotated[
    str | None, typer.Option("--password", "-p", help="Asked for if left out; - reads a line from standard input.")
]
Random = Annotated[bool, typer.Option("--use-random-password", help="Make one up, and print it.")]


def create_app() -> typer.Typer:
    """The group's commands."""
    app = typer.Typer(help="Users, and what they may do.", no_args_is_help=True)
    app.command("list")(list_)
    app.command("create")(create)
    app.command("delete")(delete)
    app.command("set-password")(set_password)
    app.command("reset-password")(set_password)
    app.command("set-role")(set_role)
    app.command("add-role")(set_role)
    app.command("activate")(activate)
    app.command("deactivate")(deactivate)
    return app


@asks_api
def list_(api: "Api", output: Output = OutputFormat.TABLE) -> None:
    """List users."""
    show([picked(each, COLUMNS) for each in api.each(*USERS, key="users")], output)


@asks_api
def create(
    api: "Api",
    username: Username,
    role: Role,
    firstname: Annotated[str, typer.Option("--firstname", "-f", help="First name.")] = "",
    lastname: Annotated[str, typer.Option("--lastname", "-l", help="Last name.")] = "",
    email: Annotated[str, typer.Option("--email", "-e", help="Address.")] = "",
    password: Password = None,
    output: Output = OutputFormat.TABLE,
    *,
    use_random_password: Random = False,
) -> None:
    """Create a user."""
    body = {
        "username": username,
        "role": role,
        "first_name": firstname,
        "last_name": lastname,
        "email": email,
        "password": _password(password, is_random=use_random_password),
    }
    show([picked(api.post(*USERS, body=body), COLUMNS)], output)


@asks_api
def delete(
    api: "Api",
    username: Annotated[str | None, typer.Option("--username", "-u", help="The user's name.")] = None,
    email: Annotated[str | None, typer.Option("--email", "-e", help="Or the address.")] = None,
    *,
    yes: Yes = False,
) -> None:
    """Remove a user, with the user's API tokens."""
    if (username is None) == (email is None):
        fail("Give either --username or --email", USAGE)
    name = username or _of_email(api, str(email))
    if agrees(f"Delete the user {name!r} and the user's API tokens?", yes=yes):
        api.delete(*USERS, name)
        typer.echo(f"The user {name!r} is deleted")


@asks_api
def set_password(
    api: "Api", username: Username, password: Password = None, *, use_random_password: Random = False
) -> None:
    """Give a user another password; all that logged in with the old one is logged out."""
    body = {"password": _password(password, is_random=use_random_password)}
    api.document(api.asked("PUT", *USERS, username, "password", body=body))
    typer.echo(f"The password of {username!r} is set")


@asks_api
def set_role(api: "Api", username: Username, role: Role, output: Output = OutputFormat.TABLE) -> None:
    """Give a user another role; a user has one."""
    _change(api, username, {"role": role}, output)


@asks_api
def activate(api: "Api", username: Username, output: Output = OutputFormat.TABLE) -> None:
    """Let a user in again."""
    _change(api, username, {"is_active": True}, output)


@asks_api
def deactivate(api: "Api", username: Username, output: Output = OutputFormat.TABLE) -> None:
    """Let a user in no more, whatever token or cookie they have."""
    _change(api, username, {"is_active": False}, output)


def _change(api: "Api", username: str, body: dict[str, Any], output: str) -> None:
    show([picked(api.patch(*USERS, username, body=body), COLUMNS)], output)


def _of_email(api: "Api", email: str) -> str:
    found = [each["username"] for each in api.each(*USERS, key="users") if each["email"] == email]
    if len(found) != 1:
        fail(f"{len(found) or 'No'} users have the address {email!r}: give --username")
    return found[0]


def _password(given: str | None, *, is_random: bool) -> str:
    if is_random:
        made = secrets.token_urlsafe(16)
        typer.echo(f"password: {made}", err=True)
        return made
    if given == "-":
        return sys.stdin.readline().rstrip("\n")
    return given if given is not None else typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
