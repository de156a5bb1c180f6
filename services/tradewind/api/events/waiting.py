"""Waiting for a run to end: an answer that goes on until it has, woken by changes and not by a clock."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import ExitStack
from itertools import groupby
from operator import itemgetter
from typing import Final

import msgspec
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from tradewind.api.dag_specs import VersionKey
from tradewind.api.state import ApiState
from tradewind.db.api.results import get_dag_run_state, list_results
from tradewind.db.pool import Row

FINAL: Final = frozenset({"success", "failed"})
SHORTEST_SECONDS: Final = 1.0
"""No client has the same said more often."""
SWEEP_SECONDS: Final = 30.0
"""After so long it is looked whether the run is still there: nobody is told that a run was deleted."""


class WaitResponse(StreamingResponse):
    """Streams until the run has ended, the client has gone, or this process stops; then gives `place` back."""

    def __init__(self, content: AsyncIterable[bytes], *, place: ExitStack, media_type: str | None) -> None:
        super().__init__(content, media_type=media_type)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._place:
            await super().__call__(scope, receive, send)


async def lines_until_end(
    state: ApiState, run: Row, changed: asyncio.Event, interval_seconds: float, task_ids: Sequence[str] | None
) -> AsyncGenerator[bytes]:
    """One JSON object a line: the state, at once, whenever it changes, and again after each interval (half a minute at
    most); the last one with what these tasks (None: those that the DAG's author says) have returned."""
    interval = min(max(interval_seconds, SHORTEST_SECONDS), SWEEP_SECONDS)
    said: str | None = None
    while (found := await get_dag_run_state(state["database"], run["id"])) is not None:
        if found in FINAL:
            yield await _end(state, run, found, task_ids)
            return
        if found != said:
            yield _line({"state": found})
            said = found
        sweep_at = _now() + SWEEP_SECONDS
        while not changed.is_set() and _now() < sweep_at:
            if state["change_feed"].stopping.is_set():
                return
            if not await _is_set_within(changed, interval):
                yield _line({"state": found})
        changed.clear()


async def _end(state: ApiState, run: Row, found: str, task_ids: Sequence[str] | None) -> bytes:
    wanted = await _results_of_author(state, run) if task_ids is None else task_ids
    results = _results(await list_results(state["database"], run["id"], wanted)) if wanted else {}
    return _line({"state": found, "results": results} if results else {"state": found})


async def _results_of_author(state: ApiState, run: Row) -> Sequence[str]:
    spec = await state["dag_specs"].get(VersionKey.of_row(run))
    return [task.task_id for task in spec.tasks if task.returns_dag_result]


def _results(rows: Sequence[Row]) -> dict[str, object]:
    """Of a mapped task, a list of what its instances have returned."""
    results: dict[str, object] = {}
    for task_id, group in groupby(rows, itemgetter("task_id")):
        found = list(group)
        values = [msgspec.Raw(row["value"]) for row in found]
        results[task_id] = values[0] if len(found) == 1 and found[0]["map_index"] < 0 else values
    return results


def _line(content: object) -> bytes:
    return msgspec.json.encode(content) + b"\n"


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
