"""Which runs stay, drawn by seed and compared with what those who look at runs would look at."""

from dataclasses import dataclass
from random import Random

import pytest

from tests.integration.retention.conftest import NOW, Past
from tradewind.db.pool import Database
from tradewind.db.retention.runs import removable_runs

TYPES = ("scheduled", "backfill", "manual", "operator_triggered")
SEEDS = range(20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """`at`: days ago, as run_after and, if it has one, logical date."""

    id: int
    at: float
    run_type: str
    is_over: bool
    has_date: bool
    is_partitioned: bool


def needed(runs: list[Run]) -> set[int]:
    """Ids of the runs that somebody looks at, one question after the other."""
    dated = sorted((run for run in runs if run.has_date), key=lambda run: -run.at)
    automated = [run for run in dated if run.run_type != "manual"]
    found = [max(runs, key=lambda run: -run.at)]  # the last one
    found += dated[-1:]  # of the next run, what it may depend on
    found += automated[-1:]
    found += [run for run in dated if run.run_type in ("scheduled", "backfill")][-1:]  # the schedule goes on from it
    parts = [run for run in runs if run.run_type == "scheduled" and run.is_partitioned]
    found += [min(parts, key=lambda run: run.at)] if parts else []
    for going_on in (run for run in dated if not run.is_over):
        for candidates in (dated, automated):
            found += [run for run in candidates if run.at > going_on.at][-1:]
    return {run.id for run in found}


async def _drawn(random: Random, past: Past, types: tuple[str, ...]) -> list[Run]:
    runs: list[Run] = []
    for at in random.sample(range(40, 70), random.randint(1, 12)):
        run_type, is_over = random.choice(types), random.random() < 0.8
        is_partitioned = run_type == "scheduled" and random.random() < 0.2
        has_date = not is_partitioned and (run_type in ("scheduled", "backfill") or random.random() < 0.7)
        id_ = await past.run(
            at,
            state="success" if is_over else random.choice(("queued", "running")),
            run_type=run_type,
            logical=has_date,
            partition_key="p" if is_partitioned else None,
        )
        drawn = Run(id=id_, at=at, run_type=run_type, is_over=is_over, has_date=has_date, is_partitioned=is_partitioned)
        runs.append(drawn)
    return runs


@pytest.mark.parametrize("types", [TYPES[:3], TYPES], ids=["usual", "all"])
async def test_what_somebody_looks_at_stays_and_nothing_else(
    past: Past, database: Database, types: tuple[str, ...]
) -> None:
    for seed in SEEDS:
        await database.fetch("DELETE FROM dag_run")
        runs = await _drawn(Random(seed), past, types)
        over = {run.id for run in runs if run.is_over}
        # As if those that go on had been over before, and nothing of them ran any more.
        await database.fetch("UPDATE task_instance SET state = 'success'")
        await database.fetch("UPDATE dag_run SET end_date = run_after WHERE end_date IS NULL")
        removable = set(await removable_runs(database, [run.id for run in runs], NOW))
        assert removable <= over - needed(runs), (seed, runs)
        if types != TYPES:  # between runs that operators trigger for dates, one more may stay
            assert removable == over - needed(runs), (seed, runs)
