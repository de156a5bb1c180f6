"""The API, asked by commands: they do what any client could, in the name of the admin."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Final, NoReturn, Self, cast
from urllib.parse import quote

import httpx
import typer

from tradewind.service.secrets import admin_password
from tradewind.service.settings import ServiceSettings, load_settings

ANY_HOST: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, not bound to
PAGE: Final = 100
NOT_FOUND: Final = 404
TIMEOUT_SECONDS: Final = 60.0

Json = dict[str, Any]


class ApiAccess:
    """A logged-in client of `/api/v2`. What fails ends the command with a line that says why."""

    def __init__(self, url: str | None) -> None:
        """`url`: of the API; None = where the settings say that it listens."""
        settings = load_settings(ServiceSettings)
        self._url = (url or _configured_url(settings)).rstrip("/")
        self._http = httpx.Client(base_url=self._url, timeout=TIMEOUT_SECONDS, trust_env=False)
        login = {"username": settings.api.admin_username, "password": admin_password(settings).password}
        token = self._answer("POST", "/auth/token", json=login)["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, *path: str, **params: Any) -> Json:
        """The answer's document; path segments are quoted."""
        return self._answer("GET", _path(path), params=params)

    def post(self, *path: str, body: Json) -> Json:
        return self._answer("POST", _path(path), json=body)

    def asked(self, *path: str, body: Json) -> httpx.Response:
        """The answer to a POST, whatever its status."""
        return self._sent("POST", _path(path), json=body)

    @contextmanager
    def lines(self, *path: str, **params: Any) -> Generator[Iterator[str]]:
        """The lines of an answer as they come; raises `httpx.TransportError` where it breaks off."""
        headers = {"Accept": "text/plain"}
        with self._http.stream("GET", _path(path), params=params, headers=headers) as answer:
            if not answer.is_success:
                answer.read()
                _document(answer)
            yield answer.iter_lines()

    def put(self, *path: str) -> Json:
        """Without a body."""
        return self._answer("PUT", _path(path))

    def each(self, *path: str, key: str, **params: Any) -> Iterator[Json]:
        """All entries of a list, page by page."""
        found = 0
        while True:
            page = self.get(*path, **params, limit=PAGE, offset=found)
            entries = cast("list[Json]", page[key])
            yield from entries
            found += len(entries)
            if not entries or found >= page["total_entries"]:
                return

    def run_id(self, dag_id: str, run_id_or_date: str) -> str:
        """The run that is named, or that has this logical date."""
        answer = self._http.get(_path(("dags", dag_id, "dagRuns", run_id_or_date)))
        if answer.status_code != NOT_FOUND:
            return _document(answer)["dag_run_id"]
        date = _date(run_id_or_date)
        found = [] if date is None else [*self._runs_of(dag_id, date)]
        if not found:
            fail(f"The DAG {dag_id!r} has no run {run_id_or_date!r}, neither by its id nor by its logical date")
        return found[0]["dag_run_id"]

    def _runs_of(self, dag_id: str, date: datetime) -> Iterator[Json]:
        dates = {"logical_date_gte": date.isoformat(), "logical_date_lte": date.isoformat()}
        return self.each("dags", dag_id, "dagRuns", key="dag_runs", **dates)

    def _answer(self, method: str, path: str, **options: Any) -> Json:
        return _document(self._sent(method, path, **options))

    def _sent(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **options)
        except httpx.TransportError as exc:
            fail(f"The API at {self._url} cannot be reached: {exc}. Name it by --api-url or TRADEWIND_API_URL")


def fail(text: str) -> NoReturn:
    """End the command."""
    typer.echo(text, err=True)
    raise typer.Exit(1)


def _configured_url(settings: ServiceSettings) -> str:
    host = ANY_HOST.get(settings.api.host, settings.api.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.api.port}"


def _path(segments: tuple[str, ...]) -> str:
    return "/api/v2/" + "/".join(quote(segment, safe="~") for segment in segments)


def _document(answer: httpx.Response) -> Json:
    if answer.is_success:
        return answer.json()
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.text
    fail(f"{answer.status_code}: {detail}")


def _date(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone() if moment.tzinfo is None else moment
