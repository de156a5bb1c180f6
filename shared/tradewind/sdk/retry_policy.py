"""Retry policies: what becomes of a failure, decided by the exception, in the task's own process."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    from tradewind.sdk.context import Context

log = logging.getLogger("tradewind.task")


class RetryAction(Enum):
    """What should happen after a failure."""

    RETRY = "retry"
    """Try again, as long as the task has retries left."""
    FAIL = "fail"
    """Fail at once, whatever retries are left."""
    DEFAULT = "default"
    """As the task's own arguments say."""


@dataclass(frozen=True)
class RetryDecision:
    """What a policy decided; `retry_delay` replaces the task's own delay for this once."""

    action: RetryAction = RetryAction.DEFAULT
    retry_delay: timedelta | None = None
    reason: str | None = None

    @classmethod
    def fail(cls, reason: str | None = None) -> Self:
        """Fail at once."""
        return cls(RetryAction.FAIL, None, reason)

    @classmethod
    def retry(cls, delay: timedelta | None = None, reason: str | None = None) -> Self:
        """Try again."""
        return cls(RetryAction.RETRY, delay, reason)

    @classmethod
    def default(cls) -> Self:
        """As the task's arguments say."""
        return cls()


class RetryPolicy(ABC):
    """Base of policies. Not asked about AirflowFailException and AirflowSensorTimeout, which never lead to a retry."""

    @abstractmethod
    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: "Context | None" = None
    ) -> RetryDecision:
        """The decision; `try_number` counts from 1."""

    def serialize(self) -> dict[str, Any]:
        """A JSON form, for a policy that has one."""
        raise NotImplementedError(f"{type(self).__name__} has no JSON form")

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "RetryPolicy":
        """The policy of a JSON form."""
        raise NotImplementedError(f"{cls.__name__} has no JSON form")


ExceptionSpec = type[BaseException] | str
"""A class of exceptions, or its dotted import path."""


@dataclass
class RetryRule:
    """What to do about certain exceptions. Raises ValueError for a text that is no dotted path."""

    exception: ExceptionSpec | list[ExceptionSpec]
    action: RetryAction = RetryAction.RETRY
    retry_delay: timedelta | None = None
    reason: str | None = None
    match_subclasses: bool = True

    def __post_init__(self) -> None:
        for spec in self._specs:
            if isinstance(spec, str) and "." not in spec:
                raise ValueError(
                    "the exception of a RetryRule must be a class or a dotted path such as 'builtins.ValueError',"
                    f" not {spec!r}"
                )

    @property
    def _specs(self) -> list[ExceptionSpec]:
        return self.exception if isinstance(self.exception, list) else [self.exception]

    @property
    def exception_path(self) -> str:
        """The dotted paths, joined by commas."""
        return ",".join(_path(spec) for spec in self._specs)

    def matches(self, exc: BaseException) -> bool:
        """Whether the rule is about this exception; a class that cannot be imported matches nothing."""
        kinds = [kind for spec in self._specs if (kind := _resolved(spec)) is not None]
        return isinstance(exc, tuple(kinds)) if self.match_subclasses else type(exc) in kinds

    def serialize(self) -> dict[str, Any]:
        """A JSON form."""
        paths = [_path(spec) for spec in self._specs]
        fields = {
            "retry_delay": None if self.retry_delay is None else self.retry_delay.total_seconds(),
            "reason": self.reason,
        }
        return {
            "exception": paths if len(paths) > 1 else paths[0],
            "action": self.action.value,
            "match_subclasses": self.match_subclasses,
            **{name: value for name, value in fields.items() if value is not None},
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        """The rule of a JSON form."""
        delay = data.get("retry_delay")
        return cls(
            exception=data["exception"],
            action=RetryAction(data["action"]),
            retry_delay=None if delay is None else timedelta(seconds=delay),
            reason=data.get("reason"),
            match_subclasses=data.get("match_subclasses", True),
        )


class ExceptionRetryPolicy(RetryPolicy):
    """The first rule that is about the exception decides; without one, `default`."""

    def __init__(self, rules: Sequence[RetryRule], default: RetryAction = RetryAction.DEFAULT) -> None:
        self.rules = list(rules)
        self.default = default

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: "Context | None" = None
    ) -> RetryDecision:
        """The decision of the first rule that matches."""
        for rule in self.rules:
            if rule.matches(exception):
                reason = rule.reason or f"Matched rule for {type(exception).__name__}"
                return RetryDecision(rule.action, rule.retry_delay, reason)
        return RetryDecision(self.default)

    def serialize(self) -> dict[str, Any]:
        """A JSON form."""
        rules = [rule.serialize() for rule in self.rules]
        return {"__type": "ExceptionRetryPolicy", "rules": rules, "default": self.default.value}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "ExceptionRetryPolicy":
        """The policy of a JSON form."""
        rules = [RetryRule.deserialize(rule) for rule in cast("list[dict[str, Any]]", data["rules"])]
        return cls(rules, RetryAction(data.get("default", "default")))


def _path(spec: ExceptionSpec) -> str:
    return spec if isinstance(spec, str) else f"{spec.__module__}.{spec.__qualname__}"


def _resolved(spec: ExceptionSpec) -> type[BaseException] | None:
    if not isinstance(spec, str):
        return spec
    module, _, name = spec.rpartition(".")
    try:
        return cast("type[BaseException]", getattr(import_module(module), name))
    except (ImportError, AttributeError):
        log.warning("The exception %r of a RetryRule cannot be imported: it matches nothing", spec)
        return None
