"""What each list is asked for, and which of its things a parameter should leave."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast

from tests.integration.api.lists.world import NAME, A, B, C

Item = Any
"""A JSON object; of tags, their names."""
Expected = frozenset[str]
RANGE: Final = re.compile(r"(.+)_(gte|gt|lte|lt)$")
PAGING: Final = ("limit", "offset", "order_by", "cursor")


@dataclass(frozen=True, kw_only=True)
class Listing:
    """One list operation of Airflow's, and how to tell what its parameters should do."""

    path: str
    items: str
    """Where the answer has them."""
    id_of: Callable[[Item], str]
    base: Mapping[str, str] = field(default_factory=dict[str, str])
    """Leaves the world alone; each may be replaced by a narrower one."""
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    """Parameter (without what tells ranges and patterns) → path in the item, where it has another name."""
    endless: frozenset[str] = frozenset()
    """Dates that come still, if they are null: after every lower bound."""
    known: Mapping[str, tuple[str | Sequence[str], Expected]] = field(
        default_factory=dict[str, tuple[str | Sequence[str], Expected]]
    )
    """Parameter → a value, and the ids that it should leave, where the items do not show why."""
    elsewhere: frozenset[str] = frozenset()
    """Parameters that need another path: `test_partitions` and `test_listing` have them."""
    shown_as: Mapping[str, str] = field(default_factory=dict[str, str])
    """Order → path in the item, where it has another name; empty: the items do not show it."""

    def value_of(self, item: Item, name: str) -> object:
        """What the item shows for a parameter or an order; a list has the values of its parts."""
        found: object = item
        if isinstance(item, str):
            return item
        for part in self.fields.get(name, name).split("."):
            if isinstance(found, list):
                found = [cast("Item", each)[part] for each in cast("list[object]", found)]
            elif found is not None:
                found = cast("Item", found)[part]
        return found


@dataclass(frozen=True)
class Check:
    """A value for a parameter, and the ids that it should leave."""

    name: str
    value: str | Sequence[str]
    expected: Expected


def checks_of(listing: Listing, name: str, items: Sequence[Item]) -> list[Check]:
    """How to check a parameter against these items; none if nobody has said how."""
    if name in listing.known:
        return [Check(name, *listing.known[name])]
    bound = RANGE.match(name)
    if bound is not None:
        return [_range(listing, name, bound[1], bound[2], items)]
    if name.endswith("_pattern"):
        return _patterns(listing, name, items)
    return _equal(listing, name, items)


def _range(listing: Listing, name: str, base: str, kind: str, items: Sequence[Item]) -> Check:
    values = {listing.id_of(item): _comparable(listing.value_of(item, base)) for item in items}
    shown = sorted({value for value in values.values() if value is not None})
    middle = shown[len(shown) // 2]
    compare: Mapping[str, Callable[[Any], bool]] = {
        "gte": lambda value: value >= middle,
        "gt": lambda value: value > middle,
        "lte": lambda value: value <= middle,
        "lt": lambda value: value < middle,
    }

    def leaves(value: Any) -> bool:
        return base in listing.endless and kind in ("gte", "gt") if value is None else compare[kind](value)

    text = middle.isoformat() if isinstance(middle, datetime) else str(middle)
    return Check(name, text, frozenset(id_ for id_, value in values.items() if leaves(value)))


def _comparable(value: object) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _patterns(listing: Listing, name: str, items: Sequence[Item]) -> list[Check]:
    is_prefix = name.endswith("_prefix_pattern")
    base = name.removesuffix("_prefix_pattern" if is_prefix else "_pattern")
    values = {listing.id_of(item): cast("str | None", listing.value_of(item, base)) for item in items}
    shown = sorted({value for value in values.values() if value})
    one, other = shown[-1], shown[0]

    def matches(text: str, term: str) -> bool:
        return text.startswith(term) if is_prefix else term.lower() in text.lower()

    def leaves(*terms: str) -> Expected:
        return frozenset(id_ for id_, text in values.items() if text and any(matches(text, term) for term in terms))

    checks = [Check(name, "~", frozenset(id_ for id_, text in values.items() if text is not None))]
    if is_prefix:
        checks += [Check(name, one, leaves(one)), Check(name, one.swapcase(), leaves(one.swapcase()))]
    else:
        # Case does not matter, and `_` is a wildcard.
        checks += [Check(name, one[1:].swapcase(), leaves(one[1:])), Check(name, f"_{one[1:]}", leaves(one[1:]))]
    if not base.startswith("partition_key"):
        checks.append(Check(name, f"{one} | {other}", leaves(one, other)))
    return checks


def _equal(listing: Listing, name: str, items: Sequence[Item]) -> list[Check]:
    texts = {listing.id_of(item): _texts(listing.value_of(item, name)) for item in items}
    every = [text for each in texts.values() for text in each if text]
    rare = min(every, key=every.count)
    return [Check(name, rare, frozenset(id_ for id_, each in texts.items() if rare in each))]


def _texts(value: object) -> list[str]:
    """As a query has them."""
    if isinstance(value, list):
        return [text for each in cast("list[object]", value) for text in _texts(each)]
    return [str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)]


def _run(item: Item) -> str:
    return str(item["dag_run_id"])


def _instance(item: Item) -> str:
    return f"{item['dag_run_id']} {item['task_id']} {item['map_index']}"


def _runs(*numbers: int) -> Expected:
    return frozenset(f"run_{number}" for number in numbers)


_LATER: Final = frozenset({"run_2 plain -1", "run_3 plain -1", "run_4 plain -1"})
_INSTANCE_FIELDS: Final = {
    "pool_name": "pool",
    "queue_name": "queue",
    "operator_name": "operator",
    "version_number": "dag_version.version_number",
    "run_id": "dag_run_id",
    "updated_at": "end_date",
}

LISTINGS: Final[Mapping[str, Listing]] = {
    "get_dags": Listing(
        path="/dags",
        items="dags",
        id_of=lambda item: str(item["dag_id"]),
        base={"dag_id_prefix_pattern": NAME, "exclude_stale": "false"},
        fields={"paused": "is_paused", "tags": "tags.name"},
        known={
            "exclude_stale": ("true", frozenset({A, B})),
            "tags_match_mode": ("all", frozenset({A, B, C})),
            "last_dag_run_state": ("queued", frozenset({A})),
            "dag_run_state": ("success", frozenset({B})),
            "has_asset_schedule": ("true", frozenset({A})),
            "asset_dependency": ("READ/50%", frozenset({A})),
            "is_favorite": ("false", frozenset({B, C})),
            "dag_run_start_date_gte": ("2026-03-05T01:00:00Z", frozenset({B})),
            "dag_run_start_date_gt": ("2026-03-05T00:00:00Z", frozenset({B})),
            "dag_run_start_date_lte": ("2026-03-05T01:00:00Z", frozenset({B})),
            "dag_run_start_date_lt": ("2026-03-05T01:00:01Z", frozenset({B})),
            "dag_run_end_date_gte": ("2026-03-05T01:00:04Z", frozenset({B})),
            "dag_run_end_date_gt": ("2026-03-05T01:00:00Z", frozenset({B})),
            "dag_run_end_date_lte": ("2026-03-05T01:00:04Z", frozenset({B})),
            "dag_run_end_date_lt": ("2026-03-05T01:00:05Z", frozenset({B})),
            "timetable_type": ("Timetablea", frozenset({A})),
        },
        shown_as={
            "next_dagrun": "next_dagrun_logical_date",
            "state": "",
            "start_date": "",
            "last_run_state": "",
            "last_run_start_date": "",
        },
    ),
    "get_dag_runs": Listing(
        path="/dags/~/dagRuns",
        items="dag_runs",
        id_of=_run,
        base={"dag_id_prefix_pattern": NAME},
        fields={
            "run_id": "dag_run_id",
            "dag_version": "dag_versions.version_number",
        },
        elsewhere=frozenset({"partition_date_gte", "partition_date_lte"}),
        endless=frozenset({"start_date", "end_date"}),
        known={
            "conf_contains": ("conf_2", _runs(2)),
            "consuming_asset_pattern": ("READ/50%", _runs(1)),
            "updated_at_gte": ("2026-03-04T00:00:00Z", _runs(3, 4)),
            "updated_at_gt": ("2026-03-04T00:00:00Z", _runs(4)),
            "updated_at_lte": ("2026-03-04T00:00:00Z", _runs(1, 2, 3)),
            "updated_at_lt": ("2026-03-04T00:00:00Z", _runs(1, 2)),
        },
        shown_as={"id": "", "updated_at": "", "conf": "conf.key", "run_id": "dag_run_id"},
    ),
    "get_task_instances": Listing(
        path="/dags/~/dagRuns/~/taskInstances",
        items="task_instances",
        id_of=_instance,
        base={"dag_id_prefix_pattern": NAME},
        fields=_INSTANCE_FIELDS,
        elsewhere=frozenset({"task_group_id"}),
        endless=frozenset({"start_date", "end_date"}),
        known={
            "updated_at_gte": (
                "2026-03-02T03:00:00Z",
                frozenset({"run_1 mapped 1", *_LATER}),
            ),
            "updated_at_gt": ("2026-03-02T03:00:00Z", _LATER),
            "updated_at_lte": (
                "2026-03-02T03:00:00Z",
                frozenset({"run_1 plain -1", "run_1 mapped 0", "run_1 mapped 1"}),
            ),
            "updated_at_lt": ("2026-03-02T03:00:00Z", frozenset({"run_1 plain -1", "run_1 mapped 0"})),
        },
        shown_as={"id": "id", "data_interval_start": "logical_date", "data_interval_end": "logical_date"},
    ),
    "get_hitl_details": Listing(
        path="/dags/~/dagRuns/~/hitlDetails",
        items="hitl_details",
        id_of=lambda item: _instance(item["task_instance"]),
        base={"dag_id_prefix_pattern": NAME},
        fields={
            **{name: f"task_instance.{name}" for name in ("dag_id", "task_id", "map_index", "state")},
            "responded_by_user_id": "responded_by_user.id",
            "responded_by_user_name": "responded_by_user.name",
            "subject_search": "subject",
            "body_search": "body",
        },
        shown_as={
            "ti_id": "task_instance.id",
            "run_id": "task_instance.dag_run_id",
            "task_display_name": "task_instance.task_display_name",
            "run_after": "task_instance.run_after",
            "rendered_map_index": "task_instance.rendered_map_index",
            "task_instance_operator": "task_instance.operator",
            "task_instance_state": "",
        },
    ),
    "get_xcom_entries": Listing(
        path="/dags/~/dagRuns/~/taskInstances/~/xcomEntries",
        items="xcom_entries",
        id_of=lambda item: str(item["key"]),
        base={"dag_display_name_prefix_pattern": NAME},
        fields={"xcom_key": "key", "map_index_filter": "map_index"},
    ),
    "get_assets": Listing(
        path="/assets",
        items="assets",
        id_of=lambda item: str(item["name"]),
        base={"name_prefix_pattern": NAME, "only_active": "false"},
        known={
            "only_active": ("true", frozenset({f"{NAME}read", f"{NAME}written"})),
            "dag_ids": (f"{A},{C}", frozenset({f"{NAME}read"})),
        },
    ),
    "get_asset_events": Listing(
        path="/assets/events",
        items="asset_events",
        id_of=lambda item: str(item["source_task_id"]),
        base={"name_prefix_pattern": NAME},
    ),
    "get_import_errors": Listing(
        path="/importErrors",
        items="import_errors",
        id_of=lambda item: str(item["filename"]),
        base={"filename_pattern": NAME},
        shown_as={"id": "import_error_id", "stacktrace": "stack_trace"},
    ),
    "list_backfills": Listing(
        path="/backfills",
        items="backfills",
        id_of=lambda item: str(item["id"]),
        base={"dag_id": A},
        known={"dag_id": (B, frozenset())},
    ),
    "get_dag_versions": Listing(
        path=f"/dags/{A}/dagVersions",
        items="dag_versions",
        id_of=lambda item: str(item["version_number"]),
        shown_as={"id": "id"},
    ),
    "get_dag_tags": Listing(
        path="/dagTags",
        items="tags",
        id_of=str,
        base={"tag_name_prefix_pattern": NAME},
    ),
    "list_dag_warnings": Listing(
        path="/dagWarnings",
        items="dag_warnings",
        id_of=lambda item: str(item["dag_id"]),
        known={"warning_type": ("asset conflict", frozenset())},
    ),
}
