"""Partition mappers, windows and wait policies as authors write them. What they compute is `core.partitions`."""

import datetime as dt
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, ClassVar, Final

from tradewind.core.partitions.mappers import RollupMapper as RollupRule
from tradewind.core.partitions.mappers import mapper_of
from tradewind.core.partitions.windows import window_of


class PartitionMapper:
    """Turns keys of asset events into keys of runs. `serialize` gives the form that the scheduler works with; raises
    ValueError for arguments that cannot be used."""

    kind: ClassVar[str] = ""
    is_rollup: ClassVar[bool] = False
    is_temporal: ClassVar[bool] = False

    def __init__(self, *, max_downstream_keys: int | None = None) -> None:
        self.max_downstream_keys = max_downstream_keys
        self._check()

    def arguments(self) -> dict[str, Any]:
        """The kind's own arguments, as JSON values."""
        return {}

    def serialize(self) -> dict[str, Any]:
        """`{"kind": …}` with the arguments."""
        limit = {} if self.max_downstream_keys is None else {"max_downstream_keys": self.max_downstream_keys}
        return {"kind": self.kind, **self.arguments(), **limit}

    def to_downstream(self, key: str) -> str | list[str]:
        """The key, or keys, of the runs that an event of this key counts for."""
        keys = mapper_of(self.serialize()).downstream_keys(key)
        return keys[0] if len(keys) == 1 else list(keys)

    def to_partition_date(self, downstream_key: str) -> dt.datetime | None:
        """The moment that a run's key stands for."""
        return mapper_of(self.serialize()).partition_date(downstream_key)

    def _check(self) -> None:
        if not self.kind:
            raise ValueError(f"{type(self).__name__}: only the mappers that come with Tradewind can be used")
        try:
            mapper_of(self.serialize())
        except ValueError as exc:
            raise ValueError(f"{type(self).__name__}: {exc}") from exc

    def __eq__(self, other: object) -> bool:
        return self.serialize() == other.serialize() if isinstance(other, type(self)) else NotImplemented

    __hash__ = None  # pyright: ignore[reportAssignmentType] - as lists of keys have none

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.arguments().items())})"


class IdentityMapper(PartitionMapper):
    """Keys stay as they are."""

    kind = "identity"


class FixedKeyMapper(PartitionMapper):
    """All keys become one."""

    kind = "fixed_key"

    def __init__(self, downstream_key: str, *, max_downstream_keys: int | None = None) -> None:
        self.downstream_key = downstream_key
        super().__init__(max_downstream_keys=max_downstream_keys)

    def arguments(self) -> dict[str, Any]:
        """The key."""
        return {"downstream_key": self.downstream_key}


class AllowedKeyMapper(PartitionMapper):
    """Only these keys count."""

    kind = "allowed_key"

    def __init__(self, allowed_keys: list[str], *, max_downstream_keys: int | None = None) -> None:
        self.allowed_keys = allowed_keys
        super().__init__(max_downstream_keys=max_downstream_keys)

    def arguments(self) -> dict[str, Any]:
        """The keys."""
        return {"allowed_keys": list(self.allowed_keys)}


class _TemporalMapper(PartitionMapper):
    """Keys that are moments, in `input_format`, become the start of their period, in `output_format`."""

    is_temporal = True

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

    def arguments(self) -> dict[str, Any]:
        """Time zone and formats."""
        output_format = {} if self.output_format is None else {"output_format": self.output_format}
        return {"timezone": self.timezone, "input_format": self.input_format, **output_format}


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


class _Composed(PartitionMapper):
    def __init__(
        self, mapper0: PartitionMapper, mapper1: PartitionMapper, /, *mappers: PartitionMapper, **kwargs: Any
    ) -> None:
        self.mappers = [mapper0, mapper1, *mappers]
        super().__init__(**kwargs)

    def arguments(self) -> dict[str, Any]:
        """The mappers."""
        return {"mappers": [mapper.serialize() for mapper in self.mappers]}


class ProductMapper(_Composed):
    """Keys of several parts, separated by `delimiter`, each with a mapper of its own."""

    kind = "product"

    def __init__(self, *mappers: PartitionMapper, delimiter: str = "|", max_downstream_keys: int | None = None) -> None:
        self.delimiter = delimiter
        super().__init__(*mappers, max_downstream_keys=max_downstream_keys)

    def arguments(self) -> dict[str, Any]:
        """The mappers, and what separates the parts."""
        return {**super().arguments(), "delimiter": self.delimiter}


class ChainMapper(_Composed):
    """One mapper after the other."""

    kind = "chain"


class Window:
    """Which keys one run is about: the period at the run's key or, with direction BACKWARD, the one that ends there."""

    class Direction(StrEnum):
        """Whether the period begins or ends at the key."""

        BACKWARD = "backward"
        FORWARD = "forward"

    kind: ClassVar[str] = ""

    def __init__(self, *, direction: "Window.Direction | str" = Direction.FORWARD) -> None:
        self.direction = self.Direction(direction)

    def serialize(self) -> dict[str, Any]:
        """`{"kind": …}` with the arguments."""
        return {"kind": self.kind, "direction": self.direction.value}


class HourWindow(Window):
    """Sixty minutes."""

    kind = "hour"


class DayWindow(Window):
    """Twenty-four hours."""

    kind = "day"


class WeekWindow(Window):
    """Seven days."""

    kind = "week"


class MonthWindow(Window):
    """The days of a month."""

    kind = "month"


class QuarterWindow(Window):
    """Three months."""

    kind = "quarter"


class YearWindow(Window):
    """Twelve months."""

    kind = "year"


class SegmentWindow(Window):
    """Fixed keys, such as regions. Raises ValueError for none, or one that is not a non-empty text."""

    kind = "segment"

    def __init__(self, segments: Iterable[str]) -> None:
        super().__init__()
        self.segments = window_of({"kind": "segment", "segments": list(segments)}).segments

    def serialize(self) -> dict[str, Any]:
        """The keys, sorted."""
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


class RollupMapper(PartitionMapper):
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
        if upstream_mapper.is_temporal is isinstance(window, SegmentWindow):
            raise TypeError(f"{type(window).__name__} does not go with the keys of {type(upstream_mapper).__name__}")
        self.upstream_mapper, self.window, self.wait_policy = upstream_mapper, window, wait_policy or WaitForAll()
        super().__init__(max_downstream_keys=max_downstream_keys)

    def to_upstream(self, downstream_key: str) -> frozenset[str]:
        """The keys of events that a run of this key waits for."""
        rollup = mapper_of(self.serialize())
        return frozenset(rollup.expected_keys(downstream_key) if isinstance(rollup, RollupRule) else ())

    def arguments(self) -> dict[str, Any]:
        """Mapper, window and policy."""
        mapper, window = self.upstream_mapper.serialize(), self.window.serialize()
        return {"upstream_mapper": mapper, "window": window, **self.wait_policy.serialize()}


class FanOutMapper(PartitionMapper):
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

    def arguments(self) -> dict[str, Any]:
        """Both mappers and the window."""
        upstream, downstream = self.upstream_mapper.serialize(), self.downstream_mapper.serialize()
        return {"upstream_mapper": upstream, "window": self.window.serialize(), "downstream_mapper": downstream}

    def _usual_mapper(self, window: Window) -> PartitionMapper:
        kind = self.default_downstream_mapper_by_window_name.get(type(window).__name__)
        if kind is None:
            raise ValueError(
                f"{type(self).__name__} has no default downstream_mapper for window type {type(window).__name__};"
                " pass downstream_mapper explicitly."
            )
        return kind()


DEFAULT_MAPPER: Final = IdentityMapper()
