"""Commands that ask the API: they are given one, and have the options that say which."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Final, ParamSpec

import typer

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

ApiUrl = Annotated[
    str | None,
    typer.Option(
        "--api-url", envvar="TRADEWIND_API_URL", help="The API to ask; without it, what this machine's settings name."
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar=["TRADEWIND_API_TOKEN", "AIRFLOW_CLI_TOKEN"],
        help="A token of yours; better given by the environment, which others on this machine cannot read.",
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say on stderr what is asked of the API.")]

GivenT = ParamSpec("GivenT")


def _options(api_url: ApiUrl = None, token: Token = None, verbose: Verbose = False) -> None: ...


_OPTIONS: Final = tuple(inspect.signature(_options).parameters.values())


def asks_api(command: Callable[Concatenate["Api", GivenT], None]) -> Callable[..., None]:
    """The command without its first parameter, which is an open `Api`, and with the options that choose it."""

    @wraps(command)
    def with_api(**given: Any) -> None:
        from tradewind.cli.access.choosing import open_api

        access = {each.name: given.pop(each.name) for each in _OPTIONS}
        with open_api(**access) as api:
            command(api, **given)  # pyright: ignore[reportCallIssue] - typer passes every parameter by name

    own = list(inspect.signature(command).parameters.values())[1:]
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *_OPTIONS)]
    with_api.__dict__["__signature__"] = inspect.Signature(parameters)
    with_api.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": None}
    return with_api
