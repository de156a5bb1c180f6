"""Attempts whose process could tell nobody: who wanted to hear is told by a request, on both stores."""

from datetime import timedelta

import pytest

from tests.integration.store.test_dag_requests import take
from tests.store_driver import Driver
from tradewind.core.dag_requests import RequestKind, UnheardEnd
from tradewind.core.spec import TaskSpec
from tradewind.core.states import EndCause, Outcome

BOTH = ("failed", "up_for_retry")


def failing(*notices: str, infrastructure_retries: int = 0) -> TaskSpec:
    return TaskSpec(task_id="task", notices=notices, infrastructure_retries=infrastructure_retries)


async def unheard(driver: Driver) -> list[tuple[str, str]]:
    """(state, detail) of each end that a dag processor would tell of."""
    found: list[tuple[str, str]] = []
    for request in await take(driver):
        assert request.kind is RequestKind.TASK_CALLBACK
        assert request.run is not None
        assert (request.dag_id, request.run.run_id) == ("dag", "run")
        end = UnheardEnd.from_text(request.reason or "")
        assert (end.task_id, end.map_index, end.try_number) == ("task", -1, 1)
        assert end.ended_at == driver.now.isoformat()
        found.append((end.state, end.detail))
    return found


@pytest.mark.parametrize(
    ("notices", "retries", "is_silent", "told"),
    [
        (BOTH, 0, True, [("failed", "segmentation fault")]),
        (BOTH, 1, True, [("up_for_retry", "segmentation fault")]),
        (("failed",), 1, True, []),
        ((), 0, True, []),
        (BOTH, 0, False, []),
    ],
)
async def test_a_silent_end_is_told_of_where_somebody_wants_to_hear(
    driver: Driver, notices: tuple[str, ...], retries: int, is_silent: bool, told: list[tuple[str, str]]
) -> None:
    run = await driver.started_run(failing(*notices))
    attempt = await driver.running(run, retries=retries)
    fields = {"outcome": Outcome.FAILED, "cause": EndCause.USER_ERROR, "detail": "segmentation fault"}
    first = await driver.end(run, "task", attempt, **fields, is_silent=is_silent)
    assert await driver.end(run, "task", attempt, **fields, is_silent=is_silent) == first, "a replay"
    assert await unheard(driver) == told


async def test_an_attempt_that_is_dispatched_again_has_not_failed(driver: Driver) -> None:
    run = await driver.started_run(failing(*BOTH, infrastructure_retries=1))
    attempt = await driver.running(run)
    await driver.end(run, "task", attempt, outcome=Outcome.FAILED, cause=EndCause.OUT_OF_MEMORY, is_silent=True)
    assert await unheard(driver) == []


async def test_a_success_is_nobodys_failure(driver: Driver) -> None:
    run = await driver.started_run(failing(*BOTH))
    attempt = await driver.running(run)
    await driver.end(run, "task", attempt, is_silent=True)
    assert await unheard(driver) == []


async def test_a_lost_worker_is_told_of(driver: Driver) -> None:
    run = await driver.started_run(failing(*BOTH))
    await driver.running(run)
    await driver.tick(0)
    for _ in range(30):
        await driver.tick(1)
    ended = await driver.store.expire_workers(driver.now, timedelta(seconds=10))
    assert [end.state for end in ended] == ["failed"]
    assert await unheard(driver) == [("failed", "the worker that ran the task was lost")]
