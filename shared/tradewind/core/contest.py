"""Who comes first among many whose ranks keep changing: a heap in which a changed entry is void, not searched for."""

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from typing import Final, Generic, NamedTuple, TypeVar

Rank = tuple[int, ...]
"""Smallest first."""

MemberT = TypeVar("MemberT", bound=Hashable)

_VOID_ENTRIES_MAX: Final = 64
"""The heap is swept when it has this many more void entries than members."""


class Leader(NamedTuple, Generic[MemberT]):
    """Who comes first, and by which rank."""

    rank: Rank
    member: MemberT


class Contest(Generic[MemberT]):
    """Members with a rank each. Entering, leaving and taking the first cost O(log n), spread over the calls."""

    __slots__ = ("_heap", "_members", "_stamp")

    def __init__(self) -> None:
        self._heap: list[tuple[Rank, int, MemberT]] = []
        self._members: dict[MemberT, tuple[Rank, int]] = {}
        self._stamp = 0

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, member: MemberT) -> bool:
        return member in self._members

    def enter(self, member: MemberT, rank: Rank) -> None:
        """Take part with this rank; an earlier one of the member does not count any more."""
        known = self._members.get(member)
        if known is not None and known[0] == rank:
            return
        self._stamp += 1
        self._members[member] = (rank, self._stamp)
        heappush(self._heap, (rank, self._stamp, member))
        if len(self._heap) > 2 * len(self._members) + _VOID_ENTRIES_MAX:
            self._heap = [(rank, stamp, member) for member, (rank, stamp) in self._members.items()]
            heapify(self._heap)

    def leave(self, member: MemberT) -> None:
        """Take part no more; who does not take part may leave too."""
        self._members.pop(member, None)

    def leader(self) -> Leader[MemberT] | None:
        """Who comes first; of equal ranks the one that entered first. None = nobody takes part."""
        heap, members = self._heap, self._members
        while heap:
            rank, stamp, member = heap[0]
            current = members.get(member)
            if current is not None and current[1] == stamp:
                return Leader(rank, member)
            heappop(heap)
        return None
