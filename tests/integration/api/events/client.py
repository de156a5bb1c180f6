"""A client of server-sent events."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

EVENTS = "/api/v2/events"


@dataclass(frozen=True, slots=True)
class Event:
    """One event as a browser would hand it on."""

    id: str
    kind: str
    data: dict[str, Any]

    @property
    def what(self) -> tuple[str, Any]:
        """Of a task instance its task and state, of a run `run` and its state."""
        return self.data.get("task_id", "run"), self.data["state"]


@dataclass(slots=True)
class Listening:
    """An open stream; `last_id` is what a browser would send on coming again."""

    events: AsyncIterator[Event] = field(init=False)
    last_id: str = ""
    comments: int = 0

    async def take(self, count: int) -> list[Event]:
        return [await anext(self.events) for _ in range(count)]


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient, url: str = "", *, last_id: str | None = None, **params: Any
) -> AsyncGenerator[Listening]:
    """Listen; entered once the stream has begun."""
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    async with client.stream("GET", url + EVENTS, params=params, headers=headers, timeout=60.0) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = Listening()
        blocks = _blocks(answer)
        first = await anext(blocks)
        stream.last_id = first["id"]
        stream.events = _events(stream, blocks)
        yield stream


async def _events(stream: Listening, blocks: AsyncIterator[dict[str, str]]) -> AsyncGenerator[Event]:
    async for block in blocks:
        stream.last_id = block.get("id", stream.last_id)
        stream.comments += "" in block
        if "data" in block:
            yield Event(stream.last_id, block["event"], json.loads(block["data"]))


async def _blocks(answer: httpx.Response) -> AsyncGenerator[dict[str, str]]:
    block: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            block[name] = value.removeprefix(" ")
        elif block:
            yield block
            block = {}
