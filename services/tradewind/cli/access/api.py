"""The REST operations as commands call them: documents in, documents out; what fails ends the command and says why."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, cast
from urllib.parse import quote

import httpx

from tradewind.cli.access.failing import fail

PAGE: Final = 100
NOT_FOUND: Final = 404
CONFLICT: Final = 409

Json = dict[str, Any]


class Api:
    """A client of `/api/v2` and `/auth` that has proved who it is."""

    def __init__(self, http: httpx.Client, place: str, way_out: str) -> None:
        """`place`: whose API it is, for errors; `way_out`: what helps if it cannot be reached."""
        self._http = http
        self._place = place
        self._way_out = way_out

    @property
    def address(self) -> str:
        """Where it listens."""
        return str(self._http.base_url).rstrip("/")

    def get(self, *path: str, **params: Any) -> Json:
        """The answer's document; path segments are quoted, parameters that are None are left out."""
        return self.document(self.asked("GET", *path, params=params))

    def found(self, *path: str, **params: Any) -> Json | None:
        """The same; None = there is no such thing."""
        answer = self.asked("GET", *path, params=params)
        return None if answer.status_code == NOT_FOUND else self.document(answer)

    def post(self, *path: str, body: Json) -> Json:
        return self.document(self.asked("POST", *path, body=body))

    def put(self, *path: str) -> Json:
        """Without a body."""
        return self.document(self.asked("PUT", *path))

    def patch(self, *path: str, body: Json, **params: Any) -> Json:
        return self.document(self.asked("PATCH", *path, body=body, params=params))

    def delete(self, *path: str, **params: Any) -> None:
        self.document(self.asked("DELETE", *path, params=params))

    def asked(self, method: str, *path: str, body: Json | None = None, params: Json | None = None) -> httpx.Response:
        """The answer, whatever its status."""
        given = {name: value for name, value in (params or {}).items() if value is not None}
        content: Json = {} if body is None else {"json": body}
        return self.sent(method, _path(path), params=given, **content)

    def sent(self, method: str, address: str, **options: Any) -> httpx.Response:
        """The answer of any operation, named by its whole path, whatever its status."""
        try:
            return self._http.request(method, address, **options)
        except httpx.TransportError as exc:
            fail(f"{self._place} cannot be reached: {exc}. {self._way_out}")

    @contextmanager
    def lines(self, *path: str, **params: Any) -> Generator[Iterator[str]]:
        """The lines of an answer as they come; raises `httpx.TransportError` where it breaks off."""
        headers = {"Accept": "text/plain"}
        with self._http.stream("GET", _path(path), params=params, headers=headers) as answer:
            if not answer.is_success:
                answer.read()
                self.document(answer)
            yield answer.iter_lines()

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

    def each_by_cursor(self, *path: str, key: str, **params: Any) -> Iterator[Json]:
        """The same for a list that can be long, where the API offers cursors."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.get(*path, **params, limit=PAGE, cursor=cursor)
            yield from cast("list[Json]", page[key])
            cursor = page["next_cursor"]

    def run_id(self, dag_id: str, run_id_or_date: str) -> str:
        """The run that is named, or that has this logical date; without one the command ends."""
        run = self.run(dag_id, run_id_or_date)
        if run is None:
            self.get("dags", dag_id)
            fail(f"The DAG {dag_id!r} has no run {run_id_or_date!r}, neither by its id nor by its logical date")
        return run["dag_run_id"]

    def run(self, dag_id: str, run_id_or_date: str) -> Json | None:
        """The run that is named, or that has this logical date."""
        named = self.found("dags", dag_id, "dagRuns", run_id_or_date)
        date = _date(run_id_or_date) if named is None else None
        if date is None:
            return named
        dates = {"logical_date_gte": date.isoformat(), "logical_date_lte": date.isoformat()}
        page = self.found("dags", dag_id, "dagRuns", **dates, limit=1)
        return next(iter(page["dag_runs"]), None) if page else None

    def document(self, answer: httpx.Response) -> Json:
        """What was answered; an error ends the command."""
        if not answer.is_success:
            fail(f"{answer.status_code}: {told(answer)}")
        return answer.json() if answer.content else {}


def told(answer: httpx.Response) -> str:
    """The sentence in an error's answer."""
    try:
        detail: Any = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return answer.text or answer.reason_phrase
    if isinstance(detail, list):  # what was wrong with the request, place by place
        places = cast("list[Any]", detail)
        return "; ".join(f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in places)
    if isinstance(detail, dict):  # of a conflict: what was wrong, in a sentence among other things
        return str(cast("Json", detail).get("message", detail))
    return str(detail)


def _path(segments: tuple[str, ...]) -> str:
    """Below `/api/v2`, or below what begins with a slash."""
    if segments[0].startswith("/"):
        base, segments = segments[0], segments[1:]
    else:
        base = "/api/v2"
    return "/".join((base, *(quote(segment, safe="~") for segment in segments)))


def _date(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
