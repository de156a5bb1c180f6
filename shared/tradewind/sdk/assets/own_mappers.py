"""Partition mappers and windows as authors have them, be they their own or not, as rules of `core.partitions`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from tradewind.core.partitions.mappers import formatted


@dataclass(frozen=True, slots=True)
class OwnMapper:
    """A `PartitionMapper` of `core.partitions` that asks the author's."""

    mapper: Any

    @property
    def max_downstream_keys(self) -> int | None:
        """As the author has it."""
        return self.mapper.max_downstream_keys

    @property
    def is_temporal(self) -> bool:
        """Whether it decodes to moments."""
        return self.mapper.expected_decoded_type is datetime

    def downstream_keys(self, key: str) -> tuple[str, ...]:
        """What the author's says; raises TypeError for what is no text."""
        return texts(self.mapper.to_downstream(key), f"{type(self.mapper).__qualname__}.to_downstream")

    def decode(self, downstream_key: str) -> Any:
        """What the author's window takes."""
        return self.mapper.decode_downstream(downstream_key)

    def encode(self, moment: Any) -> str:
        """The key of an event."""
        return self.mapper.encode_upstream(moment)

    def partition_date(self, downstream_key: str) -> datetime | None:
        """What the author's says."""
        return self.mapper.to_partition_date(downstream_key)

    def format(self, member: Any) -> str:
        """A member of a window as a key: by the author's `format`, if there is one."""
        return formatted(self.mapper, member)


@dataclass(frozen=True, slots=True)
class OwnWindow:
    """`Members` of `core.partitions` that ask the author's window."""

    window: Any

    @property
    def is_temporal(self) -> bool:
        """Whether its members are moments."""
        return self.window.expected_decoded_type is datetime

    def members(self, decoded: Any) -> tuple[Any, ...]:
        """What the author's says."""
        return tuple(self.window.to_upstream(decoded))


def texts(given: object, where: str) -> tuple[str, ...]:
    """A text, or several; raises TypeError for anything else."""
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, Iterable):
        raise TypeError(f"{where} must give a text, or several, not {given!r}")
    several = tuple(cast("Iterable[object]", given))
    if wrong := [item for item in several if not isinstance(item, str)]:
        raise TypeError(f"{where} must give texts, not {wrong[0]!r}")
    return cast("tuple[str, ...]", several)
