"""What lists are asked for in a body: filters as those of the query parameters, named in the plural."""

from typing import ClassVar, cast

from pydantic import AwareDatetime

from tradewind.api.models.base import DagRunStateName, StrictBody, TaskInstanceStateName
from tradewind.api.models.queries import NonNegative
from tradewind.db.api.pages import PageRequest

MAXIMUM_BATCH_LIMIT = 1000
NONE = "none"


class BatchBody(StrictBody):
    """Filters that both lists have; null and an empty list filter nothing. A limit over 1000 means 1000."""

    filter_names: ClassVar[dict[str, str]] = {}
    """Field → the filter of the statement, where their names differ."""

    order_by: str | None = None
    page_offset: NonNegative = 0
    page_limit: NonNegative = 100
    dag_ids: list[str] | None = None
    run_after_gte: AwareDatetime | None = None
    run_after_gt: AwareDatetime | None = None
    run_after_lte: AwareDatetime | None = None
    run_after_lt: AwareDatetime | None = None
    logical_date_gte: AwareDatetime | None = None
    logical_date_gt: AwareDatetime | None = None
    logical_date_lte: AwareDatetime | None = None
    logical_date_lt: AwareDatetime | None = None
    start_date_gte: AwareDatetime | None = None
    start_date_gt: AwareDatetime | None = None
    start_date_lte: AwareDatetime | None = None
    start_date_lt: AwareDatetime | None = None
    end_date_gte: AwareDatetime | None = None
    end_date_gt: AwareDatetime | None = None
    end_date_lte: AwareDatetime | None = None
    end_date_lt: AwareDatetime | None = None
    duration_gte: float | None = None
    duration_gt: float | None = None
    duration_lte: float | None = None
    duration_lt: float | None = None

    def page(self) -> PageRequest:
        """The part asked for, in the order asked for."""
        order_by = () if self.order_by is None else (self.order_by,)
        return PageRequest(limit=min(self.page_limit, MAXIMUM_BATCH_LIMIT), offset=self.page_offset, order_by=order_by)

    def filters(self) -> dict[str, object]:
        """Filter → value, as the list's statement takes them."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            self.filter_names.get(name, name): _with_none(cast("list[str | None]", value))
            if isinstance(value, list)
            else value
            for name, value in given.items()
            if value not in (None, [], "") and name not in ("order_by", "page_offset", "page_limit")
        }


class DAGRunsBatchBody(BatchBody):
    """Which runs."""

    filter_names: ClassVar[dict[str, str]] = {"states": "state"}

    states: list[DagRunStateName | None] | None = None
    """Null is no run's state."""
    conf_contains: str | None = None


class TaskInstancesBatchBody(BatchBody):
    """Which task instances."""

    filter_names: ClassVar[dict[str, str]] = {"dag_run_ids": "run_ids"}

    dag_run_ids: list[str] | None = None
    task_ids: list[str] | None = None
    state: list[TaskInstanceStateName | None] | None = None
    """Null: nothing was decided yet."""
    pool: list[str] | None = None
    queue: list[str] | None = None
    executor: list[str] | None = None


def _with_none(values: list[str | None]) -> list[str]:
    return [NONE if value is None else value for value in values]
