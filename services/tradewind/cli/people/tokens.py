"""The group `tokens`: API tokens, for programs that come in a user's name."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.access.failing import fail
from tradewind.cli.arguments import iso
from tradewind.cli.output.rows import Output, OutputFormat, picked, show
from tradewind.cli.output.talking import Yes, agrees

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

TOKENS: Final = ("/auth", "tokens")
COLUMNS: Final = (
    *("id", "name", "username", "prefix", "actions", "dag_patterns"),
    *("created_at", "expires_at", "last_used_at", "revoked_at"),
)


def create_app() -> typer.Typer:
    """The group's commands."""
    app = typer.Typer(help="API tokens, for programs that come in a user's name.", no_args_is_help=True)
    app.command("list")(list_)
    app.command("create")(create)
    app.command("revoke")(revoke)
    return app


@asks_api
def list_(
    api: "Api",
    username: Annotated[str | None, typer.Option("--username", "-u", help="Only this user's.")] = None,
    output: Output = OutputFormat.TABLE,
    *,
    show_all: Annotated[bool, typer.Option("--all", help="Revoked ones, too.")] = False,
) -> None:
    """List API tokens, without their secrets."""
    found = api.each(*TOKENS, key="tokens", username=username)
    show([picked(each, COLUMNS) for each in found if show_all or each["revoked_at"] is None], output)


@asks_api
def create(
    api: "Api",
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    username: Annotated[str | None, typer.Option("--username", "-u", help="Whose; your own if left out.")] = None,
    action: Annotated[
        list[str] | None,
        typer.Option(
            "--action", help="Only this operation, as OpenAPI names it, or `read`; may be given more than once."
        ),
    ] = None,
    dag_pattern: Annotated[
        list[str] | None, typer.Option("--dag-pattern", help="Only DAGs like `team_a_*`; may be given more than once.")
    ] = None,
    expires_at: Annotated[str | None, typer.Option("--expires-at", help="ISO; for ever if left out.")] = None,
    output: Annotated[OutputFormat | None, typer.Option("--output", "-o", help="All about it.")] = None,
) -> None:
    """Make an API token, and print it: this once."""
    from tradewind.cli.access.api import NOT_FOUND, told

    body: dict[str, Any] = {
        "name": name,
        "username": username,
        "actions": action or None,
        "dag_patterns": dag_pattern or None,
        "expires_at": iso(expires_at, "--expires-at"),
    }
    answer = api.asked("POST", *TOKENS, body=body)
    if answer.status_code == NOT_FOUND and username is None:
        fail(f"{told(answer)}: say by --username whose token it is to be")
    made = api.document(answer)
    if output is None:
        typer.echo(made["token"])
    else:
        show([picked(made, ("token", *COLUMNS))], output)


@asks_api
def revoke(
    api: "Api",
    wanted: Annotated[str, typer.Argument(metavar="ID_OR_NAME", help="Its id, or its name if that says which.")],
    *,
    yes: Yes = False,
) -> None:
    """End an API token: within seconds it opens nothing."""
    live = [each for each in api.each(*TOKENS, key="tokens") if each["revoked_at"] is None]
    found = [each for each in live if each["id"] == wanted] or [each for each in live if each["name"] == wanted]
    if len(found) != 1:
        fail(f"{len(found) or 'No'} API tokens are called {wanted!r}: `tradewind tokens list` shows their ids")
    if agrees(f"Revoke {found[0]['name']!r} of {found[0]['username']!r} ({found[0]['prefix']}…)?", yes=yes):
        api.delete(*TOKENS, found[0]["id"])
        typer.echo(f"{found[0]['name']!r} is revoked")
