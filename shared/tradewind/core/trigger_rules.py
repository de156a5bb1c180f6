"""The 13 trigger rules: given how the direct upstream tasks ended, may a task start?

Each rule is a function of counters. A rule may answer before all upstream tasks are done, and what it answers by then
stands: a task skipped at the first skipped upstream does not wait for the others.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final, NamedTuple

from tradewind.core.spec import TriggerRule


class Answer(Enum):
    """What becomes of a task by its trigger rule."""

    WAIT = "wait"
    RUN = "run"
    SKIP = "skip"
    UPSTREAM_FAILED = "upstream_failed"


class UpstreamCounts(NamedTuple):
    """How many of a task's direct upstream task instances there are, and how many of them ended in which state."""

    total: int
    success: int = 0
    skipped: int = 0
    failed: int = 0
    upstream_failed: int = 0
    removed: int = 0
    setups: int = 0
    """How many of `total` are setup tasks; the next two are parts of `success` and `skipped`."""
    successful_setups: int = 0
    skipped_setups: int = 0

    @property
    def done(self) -> int:
        return self.success + self.skipped + self.failed + self.upstream_failed + self.removed

    @property
    def broken(self) -> int:
        """Failed by itself or by its upstream."""
        return self.failed + self.upstream_failed

    @property
    def is_done(self) -> bool:
        return self.done >= self.total


def answer(rule: TriggerRule, counts: UpstreamCounts) -> Answer:
    """What the rule says; a task without upstream tasks runs under every rule."""
    if counts.total == 0:
        return Answer.RUN
    return RULES[rule](counts)


def _run_if(holds: bool, /) -> Answer:
    return Answer.RUN if holds else Answer.WAIT


def _all_success(c: UpstreamCounts) -> Answer:
    if c.broken:
        return Answer.UPSTREAM_FAILED
    if c.skipped:
        return Answer.SKIP
    return _run_if(c.success + c.removed >= c.total)


def _all_failed(c: UpstreamCounts) -> Answer:
    if c.success or c.skipped:
        return Answer.SKIP
    return _run_if(c.broken + c.removed >= c.total)


def _all_done(c: UpstreamCounts) -> Answer:
    return _run_if(c.is_done)


def _all_done_min_one_success(c: UpstreamCounts) -> Answer:
    if c.skipped:
        return Answer.SKIP
    if not c.is_done:
        return Answer.WAIT
    return Answer.RUN if c.success else Answer.UPSTREAM_FAILED


def _all_done_setup_success(c: UpstreamCounts) -> Answer:
    if not c.is_done:
        return Answer.WAIT
    if c.setups and c.skipped_setups >= c.setups:
        return Answer.SKIP
    if c.setups and not c.successful_setups:
        return Answer.UPSTREAM_FAILED
    return Answer.RUN


def _one_success(c: UpstreamCounts) -> Answer:
    if c.success:
        return Answer.RUN
    if not c.is_done:
        return Answer.WAIT
    return Answer.SKIP if c.skipped == c.done else Answer.UPSTREAM_FAILED


def _one_failed(c: UpstreamCounts) -> Answer:
    if c.broken:
        return Answer.RUN
    return Answer.SKIP if c.is_done else Answer.WAIT


def _one_done(c: UpstreamCounts) -> Answer:
    if c.success or c.failed:
        return Answer.RUN
    return Answer.SKIP if c.is_done else Answer.WAIT


def _none_failed(c: UpstreamCounts) -> Answer:
    if c.broken:
        return Answer.UPSTREAM_FAILED
    return _run_if(c.is_done)


def _none_failed_min_one_success(c: UpstreamCounts) -> Answer:
    if c.broken:
        return Answer.UPSTREAM_FAILED
    if c.skipped == c.total:
        return Answer.SKIP
    if not c.is_done:
        return Answer.WAIT
    return Answer.RUN if c.success else Answer.UPSTREAM_FAILED


def _none_skipped(c: UpstreamCounts) -> Answer:
    return Answer.SKIP if c.skipped else _run_if(c.is_done)


def _all_skipped(c: UpstreamCounts) -> Answer:
    if c.success or c.broken:
        return Answer.SKIP
    return _run_if(c.skipped >= c.total)


def _always(_: UpstreamCounts) -> Answer:
    return Answer.RUN


RULES: Final[Mapping[TriggerRule, Callable[[UpstreamCounts], Answer]]] = {
    TriggerRule.ALL_SUCCESS: _all_success,
    TriggerRule.ALL_FAILED: _all_failed,
    TriggerRule.ALL_DONE: _all_done,
    TriggerRule.ALL_DONE_MIN_ONE_SUCCESS: _all_done_min_one_success,
    TriggerRule.ALL_DONE_SETUP_SUCCESS: _all_done_setup_success,
    TriggerRule.ONE_SUCCESS: _one_success,
    TriggerRule.ONE_FAILED: _one_failed,
    TriggerRule.ONE_DONE: _one_done,
    TriggerRule.NONE_FAILED: _none_failed,
    TriggerRule.NONE_SKIPPED: _none_skipped,
    TriggerRule.ALWAYS: _always,
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: _none_failed_min_one_success,
    TriggerRule.ALL_SKIPPED: _all_skipped,
}
