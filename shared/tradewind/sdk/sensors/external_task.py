"""Sensors for tasks, groups and runs of other DAGs, and a marker that says who waits for a task."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from tradewind.sdk.exceptions import AirflowSkipException
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operator_link import BaseOperatorLink, dag_run_url
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.operators.python import accepted_kwargs
from tradewind.sdk.sensors.base import BaseSensorOperator
from tradewind.sdk.sensors.time import default_deferrable
from tradewind.sdk.standard_exceptions import (
    DuplicateStateError,
    ExternalDagFailedError,
    ExternalDagNotFoundError,
    ExternalTaskFailedError,
    ExternalTaskGroupFailedError,
    ExternalTaskNotFoundError,
)
from tradewind.sdk.state import DagRunState, TaskInstanceState
from tradewind.sdk.triggers.external_task import WorkflowTrigger, count_in_states


class ExternalDagLink(BaseOperatorLink):
    """Leads to the other DAG's run of the same id."""

    @property
    def name(self) -> str:
        """What the button says."""
        return "External DAG"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """The run's page."""
        return dag_run_url(str(getattr(operator, "external_dag_id", "")), ti_key.run_id)


class ExternalTaskSensor(BaseSensorOperator):
    """Waits until tasks, a task group or the whole run of another DAG have come to `allowed_states`, in the run of the
    same logical date, of `execution_delta` before it, or of the dates that `execution_date_fn` gives."""

    template_fields: Sequence[str] = (
        *("external_dag_id", "external_task_id", "external_task_ids", "external_task_group_id"),
    )
    ui_color = "#4db7db"
    operator_extra_links: Collection[Any] = (ExternalDagLink(),)

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str | None = None,
        external_task_ids: Collection[str] | None = None,
        external_task_group_id: str | None = None,
        allowed_states: Iterable[str] | None = None,
        skipped_states: Iterable[str] | None = None,
        failed_states: Iterable[str] | None = None,
        execution_delta: timedelta | None = None,
        execution_date_fn: Callable[..., Any] | None = None,
        check_existence: bool = False,
        poll_interval: float | None = None,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        if poll_interval is not None:
            kwargs.setdefault("poke_interval", poll_interval)
        super().__init__(**kwargs)
        self.allowed_states = [str(state) for state in allowed_states or [TaskInstanceState.SUCCESS]]
        self.skipped_states = [str(state) for state in skipped_states or ()]
        self.failed_states = [str(state) for state in failed_states or ()]
        self.external_dag_id, self.external_task_id = external_dag_id, external_task_id
        self.external_task_group_id = external_task_group_id
        self.external_task_ids: Any = external_task_ids or None
        if external_task_id is not None:
            if self.external_task_ids is not None:
                raise ValueError("Only one of `external_task_id` or `external_task_ids` may be provided")
            self.external_task_ids = [external_task_id]
        self.execution_delta, self.execution_date_fn = execution_delta, execution_date_fn
        self.check_existence, self._has_checked_existence = check_existence, False
        self.deferrable = default_deferrable() if deferrable is None else deferrable
        self._check_arguments()

    def _check_arguments(self) -> None:
        if self.external_task_group_id is not None and self.external_task_ids is not None:
            raise ValueError("Only one of `external_task_group_id` or `external_task_ids` may be provided")
        if self.execution_delta is not None and self.execution_date_fn is not None:
            raise ValueError("Only one of `execution_delta` or `execution_date_fn` may be provided; not both.")
        states = [*self.allowed_states, *self.skipped_states, *self.failed_states]
        if len(states) != len(dict.fromkeys(states)):
            raise DuplicateStateError(
                f"Task {self.task_id!r}: Duplicate values provided across allowed_states, skipped_states and"
                f" failed_states: {states}"
            )
        is_of_tasks = bool(self.external_task_ids or self.external_task_group_id)
        states_of = [*TaskInstanceState] if is_of_tasks else [*DagRunState]
        known = [str(state) for state in states_of if state != "none"]
        wrong = [state for state in states if state not in known]
        if wrong:
            raise ValueError(f"Task {self.task_id!r}: {wrong} are not states; valid values are {known}")

    def poke(self, context: Any) -> bool:
        """Whether all are there; a failed or skipped one ends the wait."""
        ti: Any = context["ti"]
        self._check_existence(ti)
        dates = self._dates(context)
        self.log.info("Poking for %s of DAG %s on %s", self._what, self.external_dag_id, dates)
        if self.failed_states and self._count(ti, dates, self.failed_states) > 0:
            message = f"{self._what} of DAG {self.external_dag_id} failed."
            raise AirflowSkipException(message) if self.soft_fail else self._failure(message)
        if self.skipped_states and self._count(ti, dates, self.skipped_states) > 0:
            raise AirflowSkipException(
                f"{self._what} of DAG {self.external_dag_id} is in a state to skip on. Skipping."
            )
        return self._count(ti, dates, self.allowed_states) == len(dates)

    def _check_existence(self, ti: Any) -> None:
        """Once, if it is wanted: a DAG that does not exist is not waited for."""
        if self.check_existence and not self._has_checked_existence:
            if ti.get_dag(self.external_dag_id) is None:
                raise ExternalDagNotFoundError(f"The external DAG {self.external_dag_id} does not exist.")
            self._has_checked_existence = True

    def _failure(self, message: str) -> Exception:
        if self.external_task_ids:
            return ExternalTaskFailedError(message)
        is_of_group = self.external_task_group_id is not None
        return ExternalTaskGroupFailedError(message) if is_of_group else ExternalDagFailedError(message)

    @property
    def _what(self) -> str:
        if self.external_task_ids:
            return f"tasks {list(self.external_task_ids)}"
        return f"task group {self.external_task_group_id!r}" if self.external_task_group_id else "the run"

    def _count(self, ti: Any, dates: list[datetime], states: list[str]) -> float:
        dag_id = self.external_dag_id
        if self.external_task_ids:
            task_ids = list(self.external_task_ids)
            if len(task_ids) > len(dict.fromkeys(task_ids)):
                raise ValueError("Duplicate task_ids passed in external_task_ids parameter")
            count: int = ti.get_ti_count(dag_id=dag_id, task_ids=task_ids, logical_dates=dates, states=states)
            return count / len(task_ids)
        if self.external_task_group_id:
            group = self.external_task_group_id
            found: Any = ti.get_task_states(dag_id=dag_id, task_group_id=group, logical_dates=dates)
            return count_in_states(found, states)
        return ti.get_dr_count(dag_id=dag_id, logical_dates=dates, states=states)

    def _dates(self, context: Any) -> list[datetime]:
        logical_date: datetime = context.get("logical_date") or context["dag_run"].run_after
        if self.execution_delta is not None:
            return [logical_date - self.execution_delta]
        if self.execution_date_fn is None:
            return [logical_date]
        values = {name: value for name, value in context.items() if name != "logical_date"}
        arguments = accepted_kwargs(self.execution_date_fn, (logical_date,), {**values, "context": context})
        found: Any = self.execution_date_fn(logical_date, **arguments)
        return list(found) if isinstance(found, list | tuple) else [found]  # pyright: ignore[reportUnknownArgumentType]

    def execute(self, context: Any) -> Any:
        """Wait, in the slot or in the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        self._check_existence(context["ti"])
        trigger = WorkflowTrigger(
            external_dag_id=self.external_dag_id,
            external_task_group_id=self.external_task_group_id,
            external_task_ids=self.external_task_ids,
            allowed_states=self.allowed_states,
            failed_states=self.failed_states,
            skipped_states=self.skipped_states,
            poke_interval=self.poke_interval,
            soft_fail=self.soft_fail,
            logical_dates=self._dates(context),
        )
        limit = timedelta(seconds=self.timeout) if self.timeout else self.execution_timeout
        return self.defer(trigger=trigger, method_name="execute_complete", timeout=limit)

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """What the trigger found."""
        if event is None:
            raise ExternalTaskNotFoundError("No event received from trigger")
        match event["status"]:
            case "success":
                self.log.info("%s of DAG %s: done.", self._what, self.external_dag_id)
            case "skipped":
                raise AirflowSkipException("External job has skipped skipping.")
            case "failed" if self.soft_fail:
                raise AirflowSkipException("External job has failed skipping.")
            case "failed":
                raise ExternalDagFailedError("External job has failed.")
            case status:
                message = f"The trigger could not tell how {self._what} of DAG {self.external_dag_id} is: {status!r}"
                raise AirflowSkipException(message) if self.soft_fail else ExternalTaskNotFoundError(message)


class ExternalTaskMarker(EmptyOperator):
    """Says that a task of another DAG waits for this one: clearing this recursively clears that, too."""

    template_fields: Sequence[str] = ("external_dag_id", "external_task_id", "logical_date")
    ui_color = "#4db7db"

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str,
        logical_date: str | datetime = "{{ logical_date.isoformat() }}",
        recursion_depth: int = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if recursion_depth <= 0:
            raise ValueError("recursion_depth should be a positive integer")
        self.external_dag_id, self.external_task_id = external_dag_id, external_task_id
        if not isinstance(logical_date, str | datetime):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
            raise TypeError(f"Expected str or datetime.datetime type for logical_date. Got {type(logical_date)}")
        self.logical_date = logical_date.isoformat() if isinstance(logical_date, datetime) else logical_date
        self.recursion_depth = recursion_depth
