"""Figures of systems that take turns: medians, and ratios of each turn."""

import pytest

from benchmarks.peers.rounds import against, measured_in_turns
from benchmarks.results import Figure, Goal, table

HEAVY = "heavy10: 10 x fib(33)"
PEER = "bare Celery, prefork"


def figure(workload: str, system: str, value: float, goal: Goal | None = None) -> Figure:
    return Figure(workload=workload, system=system, value=value, unit="s", goal=goal)


async def test_systems_take_turns_and_ratios_are_those_of_a_turn() -> None:
    """The machine is half as fast in the second turn, which is nobody's fault."""
    speeds = iter((1.0, 1.0, 2.0, 2.0, 1.0, 1.0))
    asked: list[str] = []

    async def ours() -> list[Figure]:
        asked.append("ours")
        return [figure(HEAVY, "services", 4.2 * next(speeds)), figure("gap", "services", 5.0, Goal(6.0))]

    async def theirs() -> list[Figure]:
        asked.append("theirs")
        return [figure(HEAVY, PEER, 4.0 * next(speeds))]

    turns = await measured_in_turns([ours, theirs], 3)
    assert asked == ["ours", "theirs"] * 3
    found = {(each.workload, each.system): each for each in against(PEER, turns)}
    assert found[HEAVY, "services"].value == 4.2
    assert found[HEAVY, "services"].over_peer == pytest.approx(1.05)
    assert found[HEAVY, "services"].details["all"] == [4.2, 8.4, 4.2]
    assert found["gap", "services"].over_peer is None
    assert found[HEAVY, PEER].over_peer is None
    ratio = found[f"{HEAVY}, over bare Celery's", "services"]
    assert (ratio.value, ratio.goal) == (pytest.approx(1.05), Goal(1.03))
    lines = table(list(found.values())).splitlines()
    assert lines[0].endswith("over bare Celery's")
    assert lines[2].endswith("1.05")
    assert "MISSED" in lines[-1]


def test_reused_processes_have_a_goal_of_their_own() -> None:
    fan_out = "fan-out root+200+join"
    turn = [figure(fan_out, system, rate) for system, rate in (("services", 300.0), ("services-reuse", 900.0))]
    found = against(PEER, [[*turn, figure(fan_out, PEER, 600.0)]])
    [ratio] = [each for each in found if each.workload == f"{fan_out}, over bare Celery's"]
    assert (ratio.system, ratio.value, ratio.goal) == ("services-reuse", 1.5, Goal(2.0, at_least=True))
