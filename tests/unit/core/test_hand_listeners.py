"""Which queues a person may name, by who listens."""

from tradewind.core.by_hand.listeners import unserved_queue
from tradewind.core.executors import configured_executors
from tradewind.core.explain.values import WorkerSeen

EXECUTORS = configured_executors("fleet:CeleryExecutor,LocalExecutor,my.module.MyExecutor").by_name


def worker(*queues: str, kind: str = "celery") -> WorkerSeen:
    return WorkerSeen(worker_id="w", hostname="h", kind=kind, queues=queues, concurrency=4, attempts=0, age_seconds=1.0)


def refused(executor: str, queue: str, *workers: WorkerSeen) -> str | None:
    unmet = unserved_queue(EXECUTORS[executor], queue, workers)
    return None if unmet is None else unmet.reason


def test_a_queue_that_a_worker_listens_on_is_served() -> None:
    assert refused("fleet", "fast", worker("big"), worker("fast", "default")) is None


def test_the_queue_and_those_that_there_are_are_named() -> None:
    assert refused("fleet", "fasst", worker("fast", "big"), worker("big"), worker("fasst", kind="local")) == (
        "no worker listens on the queue 'fasst': the executor 'fleet' sends tasks to workers, and workers listen on "
        "'big', 'fast'"
    )
    assert (refused("fleet", "fast") or "").endswith(", and there is no worker at all")
    many = worker(*(f"q{number:02}" for number in range(30)))
    assert (refused("fleet", "fast", many) or "").endswith("'q19' and 10 more")


def test_other_executors_take_what_they_get() -> None:
    assert refused("LocalExecutor", "any") is None
    assert refused("MyExecutor", "any") is None
