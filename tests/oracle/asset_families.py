"""DAGs that assets tie together: producers run one after the other, and what runs of the consumers come is noted."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.e2e.client import ApiClient
from tests.oracle.driving import Ended, Script, read, run_dag, run_ends, trigger

HOURS: Final = tuple(f"2026-01-05T{hour:02d}:00:00" for hour in range(24))
LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """Something that makes asset events."""

    producer: str = ""
    """The DAG that is run by hand; nothing: no DAG does it."""
    partition_keys: tuple[str | None, ...] = (None,)
    """One run for each."""
    files: tuple[str, ...] = ()
    """Made, for watchers to find."""


@dataclass(frozen=True, slots=True)
class Family:
    """Steps, and the DAGs whose runs may come of them."""

    steps: tuple[Step, ...]
    consumers: tuple[str, ...]

    @property
    def dag_ids(self) -> tuple[str, ...]:
        """All DAGs of it, each once."""
        return tuple(dict.fromkeys((*(step.producer for step in self.steps if step.producer), *self.consumers)))


FAMILIES: Final[Mapping[str, Family]] = {
    "expressions": Family(
        (Step("asset_produces_1"), Step("asset_produces_2"), Step("asset_produces_1")),
        (
            "asset_consumes_1",
            "asset_consumes_1_and_2",
            "asset_consumes_1_never_scheduled",
            "asset_consumes_unknown_never_scheduled",
            "consume_1_and_2_with_asset_expressions",
            "consume_1_or_2_with_asset_expressions",
            "consume_1_or_both_2_and_3_with_asset_expressions",
            "conditional_asset_and_time_based_timetable",
        ),
    ),
    "aliases": Family(
        (
            Step("asset_s3_bucket_producer"),
            Step("asset_alias_example_alias_producer"),
            Step("asset_s3_bucket_producer_with_no_taskflow"),
            Step("asset_alias_example_alias_producer_with_no_taskflow"),
        ),
        (
            "asset_s3_bucket_consumer",
            "asset_alias_example_alias_consumer",
            "asset_s3_bucket_consumer_with_no_taskflow",
            "asset_alias_example_alias_consumer_with_no_taskflow",
        ),
    ),
    "decorator": Family((Step("asset1_producer"), Step("asset2_producer")), ("consumes_asset_decorator",)),
    "player stats by hour": Family(
        (
            Step("ingest_team_a_player_stats", HOURS),
            Step("team_b_player_stats", ("2026-01-05T03:15:00",)),
            Step("team_c_player_stats", ("2026-01-05T04:30:00",)),
            Step("team_c_player_stats", ("2026-01-05T03:30:00",)),
        ),
        (
            "clean_and_combine_player_stats",
            "compute_player_odds",
            "daily_team_a_rollup",
            "monthly_team_a_rollup",
            "player_odds_quality_check_wont_ever_to_trigger",
        ),
    ),
    "regional sales": Family((Step("ingest_regional_sales"),), ("aggregate_regional_sales",)),
    "allowed keys": Family((Step("ingest_region_stats", ("us", "mars", "eu")),), ("regional_stats_breakdown",)),
    "keys at run time": Family(
        (Step("live_region_player_stats"),), ("summarize_live_region_stats", "scatter_live_region_to_segments")
    ),
    "segments": Family(
        (Step("multi_region_player_stats"),), ("segment_region_stats_rollup", "segment_region_stats_early_rollup")
    ),
    "week to days": Family(
        (Step("train_weekly_model", ("2026-01-05T00:00:00",)),), ("daily_inference", "trailing_week_inference")
    ),
    "teams": Family((Step("team_analytics_producer"),), ("team_ml_consumer",)),
    "asset state": Family((Step("example_asset_state_store_producer"),), ("example_asset_state_store_consumer",)),
    "watchers": Family(
        (Step(files=("/tmp/test", "/tmp/region-flags/us.flag", "/tmp/region-flags/eu.flag")),),
        ("example_asset_with_watchers",),
    ),
}

IN_FAMILIES: Final = {dag_id: name for name, family in FAMILIES.items() for dag_id in family.dag_ids}
"""DAG → its family."""

CameOf = list[list[dict[str, Any]]]
"""Of each step the consumers' runs that came of it, as JSON documents, in an order of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyDrive:
    """How families are driven."""

    api: ApiClient
    seconds: float
    """The longest that a run may take."""
    quiet_seconds: float
    """No further run comes once none has come for so long."""
    expected: Mapping[str, Sequence[int]]
    """Family → how many runs are waited for in each step, `seconds` at most, before the quiet counts."""
    warms_up: bool
    """Whether unpausing may make runs by time, which are not of the steps."""
    came_of: dict[str, CameOf]
    ended: dict[str, Ended]

    def script(self, name: str) -> Script:
        """All steps of a family, into `came_of`; then the consumers that had no run are run by hand, into `ended`, as
        the producers' last runs are."""
        family = FAMILIES[name]
        for dag_id in family.dag_ids:
            self.api.unpause(dag_id)
        seen = dict[tuple[str, str], None]()
        if self.warms_up:
            yield from self._settled(family, 0, seen)
            seen |= dict.fromkeys(_asset_runs(self.api, family))
            _forget_events(self.api, family)
        wanted = (*self.expected.get(name, ()), *[0] * len(family.steps))
        self.came_of[name] = []
        for number, step in enumerate(family.steps):
            yield from self._produce(step, number)
            yield from self._settled(family, wanted[number], seen)
            fresh = [key for key in _asset_runs(self.api, family) if key not in seen]
            came = (_came(self.api, *key) for key in fresh)
            self.came_of[name].append(sorted((run for run in came if not _is_of_now(run)), key=repr))
            seen.update(dict.fromkeys(fresh))
        with_runs = {run["dag_id"] for runs in self.came_of[name] for run in runs}
        for dag_id in family.consumers:
            if dag_id not in with_runs:
                yield from run_dag(self.api, dag_id, self.seconds, self.ended)

    def _produce(self, step: Step, number: int) -> Script:
        for name in step.files:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()
        if not step.producer:
            return
        deadline = time.monotonic() + self.seconds
        runs = [
            trigger(self.api, step.producer, f"compared_{number}_{place}", {"partition_key": key} if key else {})
            for place, key in enumerate(step.partition_keys)
        ]
        for run_id in runs:
            yield from run_ends(self.api, step.producer, run_id, deadline)
            self.ended[step.producer] = read(self.api, step.producer, run_id)

    def _settled(self, family: Family, wanted: int, seen: Mapping[tuple[str, str], None]) -> Script:
        """Until there are as many runs of the consumers as are wanted, all runs have ended and no further one comes for
        a while."""
        began = changed = looked = time.monotonic()
        before: tuple[tuple[str, str], ...] = ()
        while time.monotonic() - began < self.seconds:
            if time.monotonic() - looked >= LOOK_SECONDS:
                looked, now = time.monotonic(), _asset_runs(self.api, family)
                changed, before = (changed, before) if now == before else (looked, now)
                if _has_open_runs(self.api, family):
                    changed = looked
                elif len(now) - len(seen) >= wanted and looked - changed >= self.quiet_seconds:
                    return
            yield


def _asset_runs(api: ApiClient, family: Family) -> tuple[tuple[str, str], ...]:
    """(DAG, run id) of all runs of its consumers that came of assets."""
    found: list[tuple[str, str]] = []
    for offset in range(0, 1000, 100):
        answer = api.get("/dags/~/dagRuns", run_type="asset_triggered", order_by="id", limit=100, offset=offset)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [(run["dag_id"], run["dag_run_id"]) for run in page["dag_runs"] if run["dag_id"] in family.consumers]
        if offset + 100 >= page["total_entries"]:
            break
    return tuple(found)


def _has_open_runs(api: ApiClient, family: Family) -> bool:
    page = api.get("/dags/~/dagRuns", state=["queued", "running"], limit=100).json()
    return any(run["dag_id"] in family.dag_ids for run in page["dag_runs"])


def _forget_events(api: ApiClient, family: Family) -> None:
    """What runs by time have produced does not count."""
    for dag_id in family.consumers:
        answer = api.delete(f"/dags/{dag_id}/assets/queuedEvents")
        assert answer.status_code in (204, 404), answer.text


def _is_by_time(run_id: str | None) -> bool:
    """Whether a run of this name was made by a schedule."""
    return str(run_id).startswith("scheduled__")


def _is_of_now(run: Mapping[str, Any]) -> bool:
    """Whether it is of a partition of today: made of what a schedule has produced meanwhile."""
    return str(run["partition_key"]).startswith(f"{datetime.now(UTC):%Y-%m-%d}")


def _came(api: ApiClient, dag_id: str, run_id: str) -> dict[str, Any]:
    run = api.get(f"/dags/{dag_id}/dagRuns/{run_id}").json()
    page = api.get(f"/dags/{dag_id}/dagRuns/{run_id}/upstreamAssetEvents").json()
    events = [event for event in page["asset_events"] if not _is_by_time(event["source_run_id"])]
    return {
        "dag_id": dag_id,
        "run_type": run["run_type"],
        "partition_key": run["partition_key"],
        "state": run["state"],
        "tasks": dict(read(api, dag_id, run_id).tasks),
        "consumed": sorted(
            ([event["name"], event["source_dag_id"], event["partition_key"]] for event in events), key=repr
        ),
    }
