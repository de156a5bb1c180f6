"""Figures, the goals that they are held against, and how both are shown."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

RESULTS_FOLDER: Final = Path(__file__).parent / "results"

GROWTH_LIMIT: Final = 1.1
"""Exponent above which work that should be linear is not."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit in the figure's unit."""

    limit: float
    at_least: bool = False
    """False: the figure must not exceed the limit; True: it must reach it."""

    def ratio(self, value: float) -> float:
        """Above 1 = missed, by that factor."""
        if self.at_least:
            return self.limit / value if value else math.inf
        return value / self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure: a median unless its name says otherwise."""

    workload: str
    system: str
    value: float
    unit: str
    goal: Goal | None = None
    over_peer: float | None = None
    """The same of the peer beside it goes into this one so often: median of the ratios of each turn."""
    details: Mapping[str, object] = field(default_factory=dict[str, object])


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Slope of the costs over the sizes, both as logarithms: 1 = linear."""
    xs, ys = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    return statistics.linear_regression(xs, ys).slope


def table(figures: Sequence[Figure]) -> str:
    """One line per figure, with its goal and how it stands to it, and to its peer if any of them has one."""
    rows = [("workload", "system", "figure", "goal", "figure/goal", "over bare Celery's")]
    for figure in figures:
        ratio = "" if figure.goal is None else f"{figure.goal.ratio(figure.value):.2f}"
        missed = " MISSED" if figure.goal is not None and figure.goal.ratio(figure.value) > 1 else ""
        shown = f"{figure.value:,.4g} {figure.unit}" if figure.value < 10_000 else f"{figure.value:,.0f} {figure.unit}"
        over_peer = "" if figure.over_peer is None else f"{figure.over_peer:.3g}"
        rows.append((figure.workload, figure.system, shown, str(figure.goal or ""), f"{ratio}{missed}", over_peer))
    if not any(figure.over_peer for figure in figures):
        rows = [row[:-1] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def details(figures: Sequence[Figure]) -> str:
    """The parts of figures that have any."""
    lines: list[str] = []
    for figure in figures:
        if figure.details:
            parts = ", ".join(f"{name} {_short(value)}" for name, value in figure.details.items())
            lines.append(f"  {figure.workload} [{figure.system}]: {parts}")
    return "\n".join(lines)


def save(name: str, conditions: Mapping[str, object], figures: Sequence[Figure]) -> Path:
    """Write a JSON document; returns its path."""
    RESULTS_FOLDER.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    document = {
        "measured_at": now.isoformat(timespec="seconds"),
        "conditions": dict(conditions),
        "figures": [asdict(figure) for figure in figures],
    }
    path = RESULTS_FOLDER / f"{name}-{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(document, indent=1, default=str) + "\n")
    return path


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
