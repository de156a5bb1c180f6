"""Clients that ask and think, and clients that only ask."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import httpx

from benchmarks.api_calls.calls import CALLS, Call, Place

CLIENTS: Final = 50
THINK_SECONDS: Final = 1.0
SATURATING_CLIENTS: Final = 8
PATIENCE_SECONDS: Final = 30.0

Latencies = Mapping[str, Sequence[float]]
"""Milliseconds, by the call's name."""


async def thinking(apis: Sequence[httpx.AsyncClient], places: Sequence[Place], seconds: float) -> Latencies:
    """Fifty clients, spread over the processes of the API, each with a second to think between two calls."""
    return await _load(apis, places, seconds, CLIENTS, THINK_SECONDS)


async def saturating(apis: Sequence[httpx.AsyncClient], places: Sequence[Place], seconds: float) -> float:
    """Calls a second when nobody thinks."""
    latencies = await _load(apis, places, seconds, SATURATING_CLIENTS, 0.0)
    return sum(map(len, latencies.values())) / seconds


async def one_by_one(api: httpx.AsyncClient, places: Sequence[Place]) -> Latencies:
    """Each call at each place, nobody else there."""
    latencies: dict[str, list[float]] = defaultdict(list)
    for place in places:
        for call in CALLS:
            latencies[call.name].append(await _asked(api, call, place))
    return latencies


async def _load(
    apis: Sequence[httpx.AsyncClient], places: Sequence[Place], seconds: float, clients: int, think_seconds: float
) -> Latencies:
    latencies: dict[str, list[float]] = defaultdict(list)
    until = time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            asking = _client(apis[number % len(apis)], places, random.Random(number), until, think_seconds, latencies)
            group.create_task(asking, name=f"client {number}")
    return latencies


async def _client(
    api: httpx.AsyncClient,
    places: Sequence[Place],
    choice: random.Random,
    until: float,
    think_seconds: float,
    latencies: dict[str, list[float]],
) -> None:
    await asyncio.sleep(choice.random() * think_seconds)  # people do not come in step
    while time.monotonic() < until:
        call = choice.choice(CALLS)
        latencies[call.name].append(await _asked(api, call, choice.choice(places)))
        await asyncio.sleep(think_seconds)


async def _asked(api: httpx.AsyncClient, call: Call, place: Place) -> float:
    """Milliseconds; those of the client's patience if it is lost."""
    began = time.perf_counter()
    try:
        if call.body is None:
            answer = await api.get(call.path(place), params=dict(call.query))
        else:
            answer = await api.post(call.path(place), json=dict(call.body))
    except httpx.TimeoutException:
        return PATIENCE_SECONDS * 1000
    took = (time.perf_counter() - began) * 1000
    assert answer.is_success, f"{call.name}: {answer.status_code} {answer.text[:300]}"
    return took
