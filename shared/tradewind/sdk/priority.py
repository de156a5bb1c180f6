"""Effective priority weights: a task's own weight and those of everything it holds up (or has waited for).

Each related task counts once, however many paths lead to it. Sets of tasks are bits of an integer, so that the union
over all neighbours of a task is a machine-word operation, and the sum of weights over a set is one count of bits per
binary digit of the weights: near-linear in tasks and edges where following every path would be quadratic.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from tradewind.sdk.types import WeightRule

MIN_WEIGHT: Final = -(2**31)
MAX_WEIGHT: Final = 2**31 - 1


def effective_weights(
    ordered: Sequence[str],
    downstream: Mapping[str, Sequence[str]],
    weights: Mapping[str, tuple[int, WeightRule]],
) -> dict[str, int]:
    """Weight of each task, in 32 bits. `ordered` is topological; `downstream` names direct neighbours; `weights` holds
    each task's own weight and rule."""
    own = {task_id: weight for task_id, (weight, _) in weights.items()}
    totals = dict(own)
    rules = {rule for _, rule in weights.values()}
    if WeightRule.DOWNSTREAM in rules:
        wanted = [task_id for task_id, (_, rule) in weights.items() if rule is WeightRule.DOWNSTREAM]
        totals.update(_sums([*reversed(ordered)], downstream, own, wanted))
    if WeightRule.UPSTREAM in rules:
        upstream: dict[str, list[str]] = {task_id: [] for task_id in ordered}
        for task_id in ordered:
            for neighbour in downstream[task_id]:
                upstream[neighbour].append(task_id)
        wanted = [task_id for task_id, (_, rule) in weights.items() if rule is WeightRule.UPSTREAM]
        totals.update(_sums(ordered, upstream, own, wanted))
    return {task_id: max(MIN_WEIGHT, min(MAX_WEIGHT, totals[task_id])) for task_id in ordered}


def _sums(
    ordered: Sequence[str], nearer: Mapping[str, Sequence[str]], own: Mapping[str, int], wanted: Sequence[str]
) -> dict[str, int]:
    """For each wanted task: its own weight and those of all tasks reachable through `nearer`, which come earlier in
    `ordered`."""
    position = {task_id: index for index, task_id in enumerate(ordered)}
    users = _users(ordered, nearer)
    digits = _digits([own[task_id] for task_id in ordered])
    wants = frozenset(wanted)
    reach: dict[str, int] = {}
    sums: dict[str, int] = {}
    for task_id in ordered:
        mask = 0
        for neighbour in nearer[task_id]:
            mask |= reach[neighbour] | (1 << position[neighbour])
            users[neighbour] -= 1
            if users[neighbour] == 0:
                # Nobody else needs it: of a wide graph only the frontier is kept.
                del reach[neighbour]
        if users[task_id]:
            reach[task_id] = mask
        if task_id in wants:
            sums[task_id] = own[task_id] + sum(factor * (mask & members).bit_count() for factor, members in digits)
    return sums


def _users(ordered: Sequence[str], nearer: Mapping[str, Sequence[str]]) -> dict[str, int]:
    users = dict.fromkeys(ordered, 0)
    for task_id in ordered:
        for neighbour in nearer[task_id]:
            users[neighbour] += 1
    return users


def _digits(weights: Sequence[int]) -> list[tuple[int, int]]:
    """(factor, tasks) pairs: the weight of a task is the sum of the factors of the sets that it is in."""
    digits: dict[int, bytearray] = {}
    size = len(weights) // 8 + 1
    for index, weight in enumerate(weights):
        sign = -1 if weight < 0 else 1
        magnitude = abs(weight)
        while magnitude:
            low = magnitude & -magnitude
            members = digits.setdefault(sign * low, bytearray(size))
            members[index >> 3] |= 1 << (index & 7)
            magnitude ^= low
    return [(factor, int.from_bytes(members, "little")) for factor, members in sorted(digits.items())]
