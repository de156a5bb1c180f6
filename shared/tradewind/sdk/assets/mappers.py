"""Partition mappers, windows and wait policies as authors write them. What they compute is `core.partitions`."""

import datetime as dt
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, ClassVar, Final

from tradewind.core.partitions.asked import CUSTOM
from tradewind.core.partitions.mappers import PartitionMapper as Rule
from tradewind.core.partitions.mappers import RollupMapper as RollupRule
from tradewind.core.partitions.mappers import checked_limit, formatted, mapper_of
from tradewind.core.partitions.windows import window_of
from tradewind.sdk.assets.own_mappers import OwnMapper, OwnWindow

Form = Callable[[Any], Any]
"""What becomes of a mapper or window inside another: its JSON form, or the rule that it is."""


class PartitionMapper(ABC):
    """Turns keys of asset events into keys of runs. An author's own has `to_downstream`; it is called in a child of the
    dag processor, once per event. Raises TypeError for a class that has only one of `decode_downstream` and
    `encode_upstream`, ValueError for arguments that cannot be used."""

    is_rollup: ClassVar[bool] = False
    expected_decoded_type: ClassVar[type] = str
    """Of what `decode_downstream` gives: it must be that of the window in a `RollupMapper`."""
    max_downstream_keys: int | None = None

    def __init__(self, *, max_downstream_keys: int | None = None) -> None:
        self.max_downstream_keys = checked_limit(max_downstream_keys)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        decodes = cls.decode_downstream is not PartitionMapper.decode_downstream
        if decodes is (cls.encode_upstream is PartitionMapper.encode_upstream):
            raise TypeError(f"{cls.__qualname__} must override both decode_downstream and encode_upstream, or neither")

    @abstractmethod
    def to_downstream(self, key: str) -> str | Iterable[str]:
        """The key, or keys, of the runs that an event of this key counts for."""

    def decode_downstream(self, downstream_key: str) -> Any:
        """What the window of a `RollupMapper` takes: the key itself."""
        return downstream_key

    def encode_upstream(self, decoded: Any) -> str:
        """The key of an event, for a member of such a window."""
        return decoded

    def to_partition_date(self, downstream_key: str) -> dt.datetime | None:
        """The moment that a run's key stands for: none."""
        return None

    def carry_partition_date(self, source_partition_date: dt.datetime | None) -> dt.datetime | None:
        """What the run gets of the moment of the producer's run, if its key stands for none: nothing."""
        return None

    def serialize(self) -> dict[str, Any]:
        """The arguments, as JSON: partitions that wait are void when they change."""
        return {} if self.max_downstream_keys is None else {"max_downstream_keys": self.max_downstream_keys}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "PartitionMapper":
        """From what `serialize` gave."""
        return cls(**data)


class _BuiltInMapper(PartitionMapper):
    """`serialize` gives the form that the scheduler works with."""

    kind: ClassVar[str] = ""

    def __init__(self, *, max_downstream_keys: int | None = None) -> None:
        self.max_downstream_keys = max_downstream_keys
        try:
            self.rule()
        except ValueError as exc:
            raise ValueError(f"{type(self).__name__}: {exc}") from exc

    def arguments(self, form: Form) -> dict[str, Any]:
        """The kind's own arguments: JSON values, and mappers and windows in the given form."""
        return {}

    def serialize(self) -> dict[str, Any]:
        """`{"kind": …}` with the arguments."""
        return {"kind": self.kind, **self.arguments(form_of), **super().serialize()}

    def rule(self) -> Rule:
        """What computes."""
        return mapper_of({"kind": self.kind, **self.arguments(_rule_of), **super().serialize()})

    def to_downstream(self, key: str) -> str | Iterable[str]:
        """The key, or keys, of the runs that an event of this key counts for."""
        keys = self.rule().downstream_keys(key)
        return keys[0] if len(keys) == 1 else list(keys)

    def to_partition_date(self, downstream_key: str) -> dt.datetime | None:
        """The moment that a run's key stands for."""
        return self.rule().partition_date(downstream_key)

    def __eq__(self, other: object) -> bool:
        return self.serialize() == other.serialize() if isinstance(other, type(self)) else NotImplemented

    __hash__ = None  # pyright: ignore[reportAssignmentType] - as lists of keys have none

    def __repr__(self) -> str:
        arguments = self.arguments(form_of).items()
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in arguments)})"


def form_of(item: "PartitionMapper | Window") -> dict[str, Any]:
    """A mapper or window as JSON: an author's own by its class and arguments. Raises ValueError for what is no JSON."""
    if not _is_own(item):
        return item.serialize()
    name = f"{type(item).__module__}.{type(item).__qualname__}"
    try:
        return {"kind": CUSTOM, "class": name, "data": json.loads(json.dumps(item.serialize(), allow_nan=False))}
    except (TypeError, ValueError) as exc:
        raise ValueError(f"{name}.serialize() must give JSON: {exc}") from exc


def _rule_of(item: "PartitionMapper | Window") -> OwnMapper | OwnWindow:
    return OwnMapper(item) if isinstance(item, PartitionMapper) else OwnWindow(item)


def _is_own(item: object) -> bool:
    return type(item).__module__ != __name__


class IdentityMapper(_BuiltInMapper):
    """Keys stay as they are."""

    kind = "identity"

    def carry_partition_date(self, source_partition_date: dt.datetime | None) -> dt.datetime | None:
        """That of the producer's run."""
        return source_partition_date


class FixedKeyMapper(_BuiltInMapper):
    """All keys become one."""

    kind = "fixed_key"

    def __init__(self, downstream_key: str, *, max_downstream_keys: int | None = None) -> None:
        self.downstream_key = downstream_key
        super().__init__(max_downstream_keys=max_downstream_keys)

    def arguments(self, form: Form) -> dict[str, Any]:
        """The key."""
        return {"downstream_key": self.downstream_key}


class AllowedKeyMapper(_BuiltInMapper):
    """Only these keys count."""

    kind = "allowed_key"

    def __init__(self, allowed_keys: list[str], *, max_downstream_keys: int | None = None) -> None:
        self.allowed_keys = allowed_keys
        super().__init__(max_downstream_keys=max_downstream_keys)

    def arguments(self, form: Form) -> dict[str, Any]:
        """The keys."""
        return {"allowed_keys": list(self.allowed_keys)}


class _TemporalMapper(_BuiltInMapper):
    """Keys that are moments, in `input_format`, become the start of their period, in `output_format`."""

    expected_decoded_type = dt.datetime

    def __init__(
        self,
        *,
        timezone: str | dt.tzinfo = "UTC",
        input_format: str = "%Y-%m-%dT%H:%M:%S",
        output_format: str | None = None,
        max_downstream_keys: int | None = None,
    ) -> None:
        self.timezone = timezone if isinstance(timezone, str) else str(getattr(timezone, "name", timezone))
        self.input_format, self.output_format = input_format, output_format
        super().__init__(max_downstream_keys=max_downstream_keys)

    def arguments(self, form: Form) -> dict[str, Any]:
        """Time zone and formats."""
        output_format = {} if self.output_format is None else {"output_format": self.output_format}
        return {"timezone": self.timezone, "input_format": self.input_format, **output_format}

    def decode_downstream(self, downstream_key: str) -> dt.datetime:
        """The start of the period that a run's key names; without a time zone, unless the key has one."""
        moment: dt.datetime = self.rule().decode(downstream_key)
        return moment if "%z" in (self.output_format or "") else moment.replace(tzinfo=None)

    def encode_upstream(self, decoded: dt.datetime) -> str:
        """A moment as a key of an event."""
        return self.rule().encode(decoded)

    def format(self, moment: dt.datetime) -> str:
        """A moment as a key of a run."""
        return formatted(self.rule(), moment)


class StartOfHourMapper(_TemporalMapper):
    """`2024-03-13T10:42:15` becomes `2024-03-13T10`."""

    kind = "start_of_hour"


class StartOfDayMapper(_TemporalMapper):
    """`2024-03-13T10:42:15` becomes `2024-03-13`."""

    kind = "start_of_day"


class StartOfWeekMapper(_TemporalMapper):
    """`2024-03-13T10:42:15` becomes `2024-03-11 (W11)`: the Monday."""

    kind = "start_of_week"


class StartOfMonthMapper(_TemporalMapper):
    """`2024-03-13T10:42:15` becomes `2024-03`."""

    kind = "start_of_month"


class StartOfQuarterMapper(_TemporalMapper):
    """`2024-03-13T10:42:15` becomes `2024-Q1`."""

    kind = "start_of_quarter"


class StartOfYearMapper(_TemporalMapper):
    """`2024-03-13T10:42:15` becomes `2024`."""

    kind = "start_of_year"


class _Composed(_BuiltInMapper):
    def __init__(
        self, mapper0: PartitionMapper, mapper1: PartitionMapper, /, *mappers: PartitionMapper, **kwargs: Any
    ) -> None:
        self.mappers = [mapper0, mapper1, *mappers]
        super().__init__(**kwargs)

    def arguments(self, form: Form) -> dict[str, Any]:
        """The mappers."""
        return {"mappers": [form(mapper) for mapper in self.mappers]}


class ProductMapper(_Composed):
    """Keys of several parts, separated by `delimiter`, each with a mapper of its own."""

    kind = "product"

    def __init__(self, *mappers: PartitionMapper, delimiter: str = "|", max_downstream_keys: int | None = None) -> None:
        self.delimiter = delimiter
        super().__init__(*mappers, max_downstream_keys=max_downstream_keys)

    def arguments(self, form: Form) -> dict[str, Any]:
        """The mappers, and what separates the parts."""
        return {**super().arguments(form), "delimiter": self.delimiter}


class ChainMapper(_Composed):
    """One mapper after the other."""

    kind = "chain"


class Window(ABC):
    """Which keys one run is about: the period at the run's key or, with direction BACKWARD, the one that ends there. An
    author's own has `to_upstream`."""

    class Direction(StrEnum):
        """Whether the period begins or ends at the key."""

        BACKWARD = "backward"
        FORWARD = "forward"

    expected_decoded_type: ClassVar[type] = str

    def __init__(self, *, direction: "Window.Direction | str" = Direction.FORWARD) -> None:
        self.direction = self.Direction(direction)

    @abstractmethod
    def to_upstream(self, decoded_downstream: Any) -> Iterable[Any]:
        """The members, each in the form that the mapper decodes to."""

    def serialize(self) -> dict[str, Any]:
        """The arguments, as JSON."""
        return {"direction": self.direction.value}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "Window":
        """From what `serialize` gave."""
        return cls(**data)


class _BuiltInWindow(Window):
    kind: ClassVar[str] = ""
    expected_decoded_type = dt.datetime

    def to_upstream(self, decoded_downstream: Any) -> Iterable[Any]:
        """The members of the period at a moment."""
        return window_of(self._form()).members(decoded_downstream)

    def serialize(self) -> dict[str, Any]:
        """`{"kind": …}` with the arguments."""
        return self._form()

    def _form(self) -> dict[str, Any]:
        return {"kind": self.kind, "direction": self.direction.value}


class HourWindow(_BuiltInWindow):
    """Sixty minutes."""

    kind = "hour"


class DayWindow(_BuiltInWindow):
    """Twenty-four hours."""

    kind = "day"


class WeekWindow(_BuiltInWindow):
    """Seven days."""

    kind = "week"


class MonthWindow(_BuiltInWindow):
    """The days of a month."""

    kind = "month"


class QuarterWindow(_BuiltInWindow):
    """Three months."""

    kind = "quarter"


class YearWindow(_BuiltInWindow):
    """Twelve months."""

    kind = "year"


class SegmentWindow(_BuiltInWindow):
    """Fixed keys, such as regions. Raises ValueError for none, or one that is not a non-empty text."""

    kind = "segment"
    expected_decoded_type = str

    def __init__(self, segments: Iterable[str]) -> None:
        super().__init__()
        self.segments = window_of({"kind": "segment", "segments": list(segments)}).segments

    def _form(self) -> dict[str, Any]:
        return {"kind": self.kind, "segments": list(self.segments)}


class WaitPolicy:
    """When enough of a window is there."""

    def serialize(self) -> dict[str, Any]:
        """Nothing: wait for all."""
        return {}


class WaitForAll(WaitPolicy):
    """Once every key has arrived."""


class MinimumCount(WaitPolicy):
    """Once `n` keys have arrived or, with a negative `n`, once at most `-n` are missing. Raises ValueError for 0."""

    def __init__(self, n: int) -> None:
        if n == 0:
            raise ValueError("MinimumCount(0) would always be reached: use WaitForAll(), or an n that is not 0")
        self.n = n

    def serialize(self) -> dict[str, Any]:
        """The count."""
        return {"minimum_count": self.n}


class RollupMapper(_BuiltInMapper):
    """Many keys of events become one run, which waits for a window of them. Raises TypeError for a window that does not
    go with the upstream mapper."""

    kind = "rollup"
    is_rollup = True

    def __init__(
        self,
        *,
        upstream_mapper: PartitionMapper,
        window: Window,
        wait_policy: WaitPolicy | None = None,
        max_downstream_keys: int | None = None,
    ) -> None:
        if upstream_mapper.expected_decoded_type is not window.expected_decoded_type:
            raise TypeError(f"{type(window).__name__} does not go with the keys of {type(upstream_mapper).__name__}")
        if wait_policy is not None and _is_own(wait_policy):
            raise ValueError(f"{type(wait_policy).__name__}: a wait policy is WaitForAll or MinimumCount")
        self.upstream_mapper, self.window, self.wait_policy = upstream_mapper, window, wait_policy or WaitForAll()
        super().__init__(max_downstream_keys=max_downstream_keys)

    def to_upstream(self, downstream_key: str) -> frozenset[str]:
        """The keys of events that a run of this key waits for."""
        rollup = self.rule()
        return frozenset(rollup.expected_keys(downstream_key) if isinstance(rollup, RollupRule) else ())

    def arguments(self, form: Form) -> dict[str, Any]:
        """Mapper, window and policy."""
        mapper, window = form(self.upstream_mapper), form(self.window)
        return {"upstream_mapper": mapper, "window": window, **self.wait_policy.serialize()}


class FanOutMapper(_BuiltInMapper):
    """One key of an event becomes a run for each member of the period that it names. Raises ValueError for a window
    whose members have no usual form, unless `downstream_mapper` is given."""

    kind = "fan_out"

    default_downstream_mapper_by_window_name: ClassVar[Mapping[str, type[PartitionMapper]]] = {
        "DayWindow": StartOfHourMapper,
        "WeekWindow": StartOfDayMapper,
        "MonthWindow": StartOfDayMapper,
        "QuarterWindow": StartOfMonthMapper,
        "YearWindow": StartOfMonthMapper,
    }

    def __init__(
        self,
        *,
        upstream_mapper: PartitionMapper,
        window: Window,
        downstream_mapper: PartitionMapper | None = None,
        max_downstream_keys: int | None = None,
    ) -> None:
        self.upstream_mapper, self.window = upstream_mapper, window
        self.downstream_mapper = downstream_mapper or self._usual_mapper(window)
        super().__init__(max_downstream_keys=max_downstream_keys)

    def arguments(self, form: Form) -> dict[str, Any]:
        """Both mappers and the window."""
        upstream, downstream = form(self.upstream_mapper), form(self.downstream_mapper)
        return {"upstream_mapper": upstream, "window": form(self.window), "downstream_mapper": downstream}

    def _usual_mapper(self, window: Window) -> PartitionMapper:
        kind = self.default_downstream_mapper_by_window_name.get(type(window).__name__)
        if kind is None:
            raise ValueError(
                f"{type(self).__name__} has no default downstream_mapper for window type {type(window).__name__};"
                " pass downstream_mapper explicitly."
            )
        return kind()


DEFAULT_MAPPER: Final = IdentityMapper()
