"""Backoff: how long to wait, and what is tried again."""

import asyncio
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from tradewind.core.errors import AdapterError, DomainError
from tradewind.service.backoff import Backoff, jitter_from, retrying
from tradewind.service.metrics import Telemetry


def no_jitter() -> float:
    return 0.0


class Flaky:
    """Fails so many times, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def away() -> AdapterError:
    return AdapterError("away", retryable=True)


QUICK = Backoff(initial_seconds=0.001, cap_seconds=0.002)


def test_delays_grow_by_the_factor_up_to_the_cap() -> None:
    backoff = Backoff(initial_seconds=1, factor=3, cap_seconds=20)
    assert [backoff.delay_seconds(n, 0.0) for n in (1, 2, 3, 4, 100_000)] == [1, 3, 9, 20, 20]


@given(failures=st.integers(1, 10_000), jitter=st.floats(0, 1, exclude_max=True))
def test_jitter_only_shortens_and_by_at_most_its_share(failures: int, jitter: float) -> None:
    backoff = Backoff(jitter_share=0.5)
    full = backoff.delay_seconds(failures, 0.0)
    assert full / 2 <= backoff.delay_seconds(failures, jitter) <= full


def test_jitter_from_ids_is_a_share_and_repeats_with_the_ids() -> None:
    ids = [UUID(int=0), UUID(int=2**128 - 1), UUID(int=2**31)]
    supply = iter(ids)
    jitter = jitter_from(lambda: next(supply))
    assert [jitter(), round(jitter(), 6), jitter()] == [0.0, 1.0, 0.5]
    assert (2**32 - 1) / 2**32 < 1.0


async def test_a_retryable_failure_is_tried_again_and_counted() -> None:
    registry = CollectorRegistry()
    flaky = Flaky(away(), away())
    answer = await retrying(
        flaky,
        name="store",
        stop=asyncio.Event(),
        jitter=no_jitter,
        telemetry=Telemetry(registry, service="test"),
        backoff=QUICK,
    )
    assert (answer, flaky.calls) == ("done", 3)
    assert registry.get_sample_value("tradewind_test_retries_total", {"operation": "store"}) == 2


@pytest.mark.parametrize("error", [AdapterError("wrong password", retryable=False), DomainError("no such run")])
async def test_what_trying_again_cannot_help_is_raised_at_once(error: Exception) -> None:
    flaky = Flaky(error)
    telemetry = Telemetry(CollectorRegistry(), service="test")
    with pytest.raises(type(error)):
        await retrying(flaky, name="store", stop=asyncio.Event(), jitter=no_jitter, telemetry=telemetry)
    assert flaky.calls == 1


async def test_stop_ends_the_wait_and_raises_the_last_failure() -> None:
    stop = asyncio.Event()
    telemetry = Telemetry(CollectorRegistry(), service="test")
    slow = Backoff(initial_seconds=3600, cap_seconds=3600)
    asyncio.get_running_loop().call_soon(stop.set)
    with pytest.raises(AdapterError, match="away"):
        await retrying(Flaky(away()), name="store", stop=stop, jitter=no_jitter, telemetry=telemetry, backoff=slow)


async def test_cancellation_passes_through() -> None:
    telemetry = Telemetry(CollectorRegistry(), service="test")
    flaky = Flaky(*(away() for _ in range(1000)))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await retrying(
                flaky, name="store", stop=asyncio.Event(), jitter=no_jitter, telemetry=telemetry, backoff=QUICK
            )
    assert 0 < len(flaky.errors) < 1000
