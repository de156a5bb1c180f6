"""Query parameters of the lists, and the filters that they come to.

Patterns: `*_pattern` is a case-insensitive substring with SQL's wildcards, `*_prefix_pattern` an exact beginning;
`|` separates alternatives and `~` matches everything.
"""

from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field, PrivateAttr

from tradewind.api.access.rights import VisibleDags
from tradewind.api.errors import Unprocessable
from tradewind.api.models.base import DagRunStateName
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.db.api.pages import PageRequest

DEFAULT_PAGE_LIMIT = 50
MAXIMUM_PAGE_LIMIT = 100
ANYTHING = "~"
RUN_TYPES = ("backfill", "scheduled", "manual", "operator_triggered", "asset_triggered", "asset_materialization")

NonNegative = Annotated[int, Field(ge=0, lt=2**62)]
Integer = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Names = Annotated[list[str], Field(default_factory=list)]
Integers = Annotated[list[Integer], Field(default_factory=list)]


class PageQuery(BaseModel):
    """Which part of the list; a limit over 100 means 100."""

    no_filters: ClassVar[frozenset[str]] = frozenset({"limit", "offset", "order_by", "cursor", "update_mask"})
    matches_nothing: ClassVar[frozenset[str]] = frozenset()
    """Parameters without a counterpart: whatever they ask for, no row has it."""

    limit: NonNegative = DEFAULT_PAGE_LIMIT
    offset: NonNegative = 0
    _visible: VisibleDags = PrivateAttr(VisibleDags())

    def see_only(self, visible: VisibleDags) -> None:
        """Let the list show nothing of other DAGs."""
        self._visible = visible

    def page(self) -> PageRequest:
        """The part asked for, in the order asked for."""
        order_by = getattr(self, "order_by", ())
        return PageRequest(limit=min(self.limit, MAXIMUM_PAGE_LIMIT), offset=self.offset, order_by=order_by)

    def filters(self) -> dict[str, object]:
        """Filter → value, as the list's statement takes them. Raises `Unprocessable`."""
        filters = self._visible.filters()
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name in self.no_filters or value is None or value == []:
                continue
            if name in self.matches_nothing:
                filters["matches_nothing"] = True
            else:
                filters[name] = _patterns(name, value)
        return filters


def _patterns(name: str, value: object) -> object:
    if not name.endswith("_pattern") or not isinstance(value, str):
        return value
    # Keys of partitions are joined by `|` themselves.
    terms = [value] if name.startswith("partition_key_") else _alternatives(value)
    terms = ["" if term == ANYTHING else term for term in terms]
    return terms if name.endswith("_prefix_pattern") else [f"%{term}%" for term in terms]


def _alternatives(pattern: str) -> list[str]:
    terms = [term.strip() for term in pattern.split("|") if term.strip()]
    return terms if "|" in pattern and terms else [pattern]


def literal_pattern(text: str) -> str:
    """A LIKE pattern that matches this text literally, anywhere."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


class DagSelection(PageQuery):
    """What both the list of DAGs and its bulk change select by."""

    tags: Names
    tags_match_mode: Literal["any", "all"] | None = None
    owners: Names
    dag_id_pattern: str | None = None
    dag_id_prefix_pattern: str | None = None
    exclude_stale: bool = True
    paused: bool | None = None

    def filters(self) -> dict[str, object]:
        filters = super().filters()
        filters.pop("tags_match_mode", None)
        if tags := filters.pop("tags", None):
            filters["tags_all" if self.tags_match_mode == "all" else "tags_any"] = tags
        if self.owners:
            filters["owners"] = [literal_pattern(owner) for owner in self.owners]
        if not self.exclude_stale:
            filters.pop("exclude_stale")
        return filters


class AssetListQuery(PageQuery):
    """`GET /assets`."""

    name_pattern: str | None = None
    name_prefix_pattern: str | None = None
    uri_pattern: str | None = None
    uri_prefix_pattern: str | None = None
    dag_ids: Names
    only_active: bool = True
    order_by: list[str] = Field(default_factory=lambda: ["id"])

    def filters(self) -> dict[str, object]:
        filters = super().filters()
        if not self.only_active:
            filters.pop("only_active")
        if len(self.dag_ids) == 1:
            filters["dag_ids"] = self.dag_ids[0].split(",")
        return filters


class AssetAliasListQuery(PageQuery):
    """`GET /assets/aliases`."""

    name_pattern: str | None = None
    name_prefix_pattern: str | None = None
    order_by: list[str] = Field(default_factory=lambda: ["id"])


class AssetEventListQuery(PageQuery):
    """`GET /assets/events`."""

    order_by: list[str] = Field(default_factory=lambda: ["timestamp"])
    asset_id: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    source_dag_id: str | None = None
    source_task_id: str | None = None
    source_run_id: str | None = None
    source_map_index: Integer | None = None
    name_pattern: str | None = None
    name_prefix_pattern: str | None = None
    timestamp_gte: datetime | None = None
    timestamp_gt: datetime | None = None
    timestamp_lte: datetime | None = None
    timestamp_lt: datetime | None = None


class DagPatchQuery(DagSelection):
    """`PATCH /dags`: without a pattern no DAG is selected."""

    update_mask: Names

    def filters(self) -> dict[str, object]:
        filters = super().filters()
        if self.dag_id_pattern is None and self.dag_id_prefix_pattern is None:
            filters["matches_nothing"] = True
        return filters


class DagListQuery(DagSelection):
    """`GET /dags`."""

    dag_display_name_pattern: str | None = None
    dag_display_name_prefix_pattern: str | None = None
    has_import_errors: bool | None = None
    last_dag_run_state: DagRunStateName | None = None
    bundle_name: str | None = None
    bundle_version: str | None = None
    has_asset_schedule: bool | None = None
    asset_dependency: str | None = None
    dag_run_start_date_gte: datetime | None = None
    dag_run_start_date_gt: datetime | None = None
    dag_run_start_date_lte: datetime | None = None
    dag_run_start_date_lt: datetime | None = None
    dag_run_end_date_gte: datetime | None = None
    dag_run_end_date_gt: datetime | None = None
    dag_run_end_date_lte: datetime | None = None
    dag_run_end_date_lt: datetime | None = None
    dag_run_state: Names
    order_by: list[str] = Field(default_factory=lambda: ["dag_id"])
    is_favorite: bool | None = None
    timetable_type: Names

    def filters(self) -> dict[str, object]:
        filters = super().filters()
        if self.asset_dependency is not None:
            filters["asset_dependency"] = literal_pattern(self.asset_dependency)
        if self.dag_run_state:
            filters["dag_run_state"] = _known_states(self.dag_run_state, DagRunState)
        if self._looks_at_runs(filters):
            filters["latest_run"] = True
        return filters

    def _looks_at_runs(self, filters: dict[str, object]) -> bool:
        keys = ("state", "start_date", "last_run_state", "last_run_start_date")
        sorts = any(key.removeprefix("-") in keys for key in self.order_by)
        return sorts or any(name.startswith(("dag_run_", "last_dag_run_")) for name in filters)


class DagRunListQuery(PageQuery):
    """`GET /dags/{dag_id}/dagRuns`."""

    no_filters: ClassVar[frozenset[str]] = PageQuery.no_filters | {"partition_date_gte", "partition_date_lte"}

    cursor: str | None = Field(
        default=None,
        description="Reads the list by cursor: empty for the first page, then `next_cursor` or `previous_cursor` of "
        "an answer. `offset` is ignored then.",
    )
    run_after_gte: datetime | None = None
    run_after_gt: datetime | None = None
    run_after_lte: datetime | None = None
    run_after_lt: datetime | None = None
    logical_date_gte: datetime | None = None
    logical_date_gt: datetime | None = None
    logical_date_lte: datetime | None = None
    logical_date_lt: datetime | None = None
    start_date_gte: datetime | None = None
    start_date_gt: datetime | None = None
    start_date_lte: datetime | None = None
    start_date_lt: datetime | None = None
    end_date_gte: datetime | None = None
    end_date_gt: datetime | None = None
    end_date_lte: datetime | None = None
    end_date_lt: datetime | None = None
    duration_gte: float | None = None
    duration_gt: float | None = None
    duration_lte: float | None = None
    duration_lt: float | None = None
    updated_at_gte: datetime | None = None
    updated_at_gt: datetime | None = None
    updated_at_lte: datetime | None = None
    updated_at_lt: datetime | None = None
    conf_contains: str | None = None
    run_type: Names
    state: Names
    dag_version: Integers
    bundle_version: str | None = None
    order_by: list[str] = Field(default_factory=lambda: ["id"])
    run_id_pattern: str | None = None
    run_id_prefix_pattern: str | None = None
    triggering_user_name_pattern: str | None = None
    triggering_user_name_prefix_pattern: str | None = None
    dag_id_pattern: str | None = None
    dag_id_prefix_pattern: str | None = None
    partition_key_pattern: str | None = None
    partition_key_prefix_pattern: str | None = None
    partition_date_gte: date | None = None
    partition_date_lte: date | None = None
    consuming_asset_pattern: str | None = None

    def filters(self) -> dict[str, object]:
        filters = super().filters()
        if self.state:
            filters["state"] = _known_states(self.state, DagRunState)
        if unknown := [name for name in self.run_type if name not in RUN_TYPES]:
            raise Unprocessable(f"There is no run type {unknown[0]!r}; there are: {', '.join(RUN_TYPES)}")
        if filters.pop("consuming_asset_pattern", None) and self.consuming_asset_pattern:
            filters["consuming_asset_pattern"] = [literal_pattern(self.consuming_asset_pattern)]
        return filters


class TaskInstanceListQuery(PageQuery):
    """`GET …/taskInstances`."""

    no_filters: ClassVar[frozenset[str]] = PageQuery.no_filters | {"task_group_id"}

    cursor: str | None = Field(
        default=None,
        description="Reads the list by cursor: empty for the first page, then `next_cursor` or `previous_cursor` of "
        "an answer. `offset` is ignored then.",
    )
    task_id: str | None = None
    run_after_gte: datetime | None = None
    run_after_gt: datetime | None = None
    run_after_lte: datetime | None = None
    run_after_lt: datetime | None = None
    logical_date_gte: datetime | None = None
    logical_date_gt: datetime | None = None
    logical_date_lte: datetime | None = None
    logical_date_lt: datetime | None = None
    start_date_gte: datetime | None = None
    start_date_gt: datetime | None = None
    start_date_lte: datetime | None = None
    start_date_lt: datetime | None = None
    end_date_gte: datetime | None = None
    end_date_gt: datetime | None = None
    end_date_lte: datetime | None = None
    end_date_lt: datetime | None = None
    updated_at_gte: datetime | None = None
    updated_at_gt: datetime | None = None
    updated_at_lte: datetime | None = None
    updated_at_lt: datetime | None = None
    duration_gte: float | None = None
    duration_gt: float | None = None
    duration_lte: float | None = None
    duration_lt: float | None = None
    task_display_name_pattern: str | None = None
    task_display_name_prefix_pattern: str | None = None
    task_group_id: str | None = None
    dag_id_pattern: str | None = None
    dag_id_prefix_pattern: str | None = None
    run_id_pattern: str | None = None
    run_id_prefix_pattern: str | None = None
    state: Names
    pool: Names
    pool_name_pattern: str | None = None
    pool_name_prefix_pattern: str | None = None
    queue: Names
    queue_name_pattern: str | None = None
    queue_name_prefix_pattern: str | None = None
    executor: Names
    version_number: Integers
    try_number: Integers
    operator: Names
    operator_name_pattern: str | None = None
    operator_name_prefix_pattern: str | None = None
    map_index: Integers
    rendered_map_index_pattern: str | None = None
    rendered_map_index_prefix_pattern: str | None = None
    order_by: list[str] = Field(default_factory=lambda: ["map_index"])

    def filters(self) -> dict[str, object]:
        filters = super().filters()
        if self.state:
            states = ["none" if state == "no_status" else state for state in self.state]
            filters["state"] = _known_states(states, TaskInstanceState)
        return filters


class HITLDetailListQuery(PageQuery):
    """`GET …/hitlDetails`."""

    dag_id_pattern: str | None = None
    dag_id_prefix_pattern: str | None = None
    task_id: str | None = None
    task_id_pattern: str | None = None
    task_id_prefix_pattern: str | None = None
    map_index: Integer | None = None
    state: Names
    response_received: bool | None = None
    responded_by_user_id: Names
    responded_by_user_name: Names
    subject_search: str | None = None
    body_search: str | None = None
    created_at_gte: datetime | None = None
    created_at_gt: datetime | None = None
    created_at_lte: datetime | None = None
    created_at_lt: datetime | None = None
    order_by: list[str] = Field(default_factory=lambda: ["ti_id"])

    def filters(self) -> dict[str, object]:
        filters = super().filters()
        for name in ("subject_search", "body_search"):
            if name in filters:
                filters[name] = _patterns("_pattern", filters[name])
        if self.state:
            states = ["none" if state == "no_status" else state for state in self.state]
            filters["state"] = _known_states(states, TaskInstanceState)
        return filters


class XComListQuery(PageQuery):
    """`GET …/xcomEntries`."""

    xcom_key: str | None = None
    map_index: Annotated[int, Field(ge=-1, lt=2**31)] | None = None
    xcom_key_pattern: str | None = None
    xcom_key_prefix_pattern: str | None = None
    dag_display_name_pattern: str | None = None
    dag_display_name_prefix_pattern: str | None = None
    run_id_pattern: str | None = None
    run_id_prefix_pattern: str | None = None
    task_id_pattern: str | None = None
    task_id_prefix_pattern: str | None = None
    map_index_filter: Integer | None = None
    logical_date_gte: datetime | None = None
    logical_date_gt: datetime | None = None
    logical_date_lte: datetime | None = None
    logical_date_lt: datetime | None = None
    run_after_gte: datetime | None = None
    run_after_gt: datetime | None = None
    run_after_lte: datetime | None = None
    run_after_lt: datetime | None = None
    order_by: list[str] = Field(default_factory=lambda: ["dag_id", "task_id", "run_id", "map_index", "key"])


class ImportErrorListQuery(PageQuery):
    """`GET /importErrors`."""

    order_by: list[str] = Field(default_factory=lambda: ["id"])
    filename_pattern: str | None = None
    filename_prefix_pattern: str | None = None
    filename: str | None = None
    bundle_name: str | None = None


class PoolListQuery(PageQuery):
    """`GET /pools`."""

    order_by: list[str] = Field(default_factory=lambda: ["id"])
    pool_name_pattern: str | None = None
    pool_name_prefix_pattern: str | None = None


class BackfillListQuery(PageQuery):
    """`GET /backfills`."""

    order_by: list[str] = Field(default_factory=lambda: ["id"])
    dag_id: str


class VariableListQuery(PageQuery):
    """`GET /variables`."""

    order_by: list[str] = Field(default_factory=lambda: ["id"])
    variable_key_pattern: str | None = None
    variable_key_prefix_pattern: str | None = None


class ConnectionListQuery(PageQuery):
    """`GET /connections`."""

    order_by: list[str] = Field(default_factory=lambda: ["id"])
    connection_id_pattern: str | None = None
    connection_id_prefix_pattern: str | None = None


def _known_states(states: list[str], kind: type[DagRunState] | type[TaskInstanceState]) -> list[str]:
    known = [member.value for member in kind]
    if unknown := [state for state in states if state not in (*known, "none")]:
        raise Unprocessable(f"There is no state {unknown[0]!r}; there are: {', '.join(known)}")
    return states
