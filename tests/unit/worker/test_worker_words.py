"""What the command line of a worker says, over what the environment says."""

from typing import Any

import pytest

from tradewind.core.autoscale import SlotRange
from tradewind.core.errors import ConfigError
from tradewind.service.settings import load_settings
from tradewind.task_runner.turns.isolation import Isolation
from tradewind.worker.__main__ import Given, completed
from tradewind.worker.settings import WorkerSettings


def test_environment_is_read_with_the_words_of_celery(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CELERY__WORKER_AUTOSCALE": "16,12",
        "CELERY__WORKER_MAX_TASKS_PER_CHILD": "100",
        "CELERY__WORKER_MAX_MEMORY_PER_CHILD": "200000",
        "CELERY__WORKER_UMASK": "0o077",
        "WORKER__TAGS": "gpu, zone-a",
        "TASK_RUNNER__ISOLATION": "reuse",
    }.items():
        monkeypatch.setenv(f"TRADEWIND__{name}", value)
    settings = completed(load_settings(WorkerSettings), Given())
    assert settings.celery.worker_autoscale == SlotRange(fewest=12, most=16)
    assert settings.celery.worker_max_tasks_per_child == 100
    assert settings.celery.worker_max_memory_per_child == 200000
    assert settings.celery.worker_umask == 0o77
    assert settings.worker.tags == ("gpu", "zone-a")
    assert settings.task_runner.isolation is Isolation.REUSE
    fixed = completed(settings, Given(concurrency=4, tags="big", umask="022", isolation="fork", async_concurrency=9))
    assert (fixed.celery.worker_concurrency, fixed.celery.worker_autoscale) == (4, None)
    assert (fixed.worker.tags, fixed.celery.worker_umask) == (("big",), 0o22)
    assert (fixed.task_runner.isolation, fixed.task_runner.async_concurrency) == (Isolation.FORK, 9)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"autoscale": "16"}, "--autoscale: '16' is not `most,fewest`"),
        ({"autoscale": "2,16"}, "the fewest must be at least 1 and not more than the most"),
        ({"autoscale": "3,0"}, "the fewest must be at least 1"),
        ({"umask": "rw"}, "--umask: 'rw' is not an octal number"),
        ({"isolation": "thread"}, "--isolation: 'thread' does not fit: it is none of 'fork', 'reuse'"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        completed(WorkerSettings(), Given(**given))
    assert words in str(caught.value)
