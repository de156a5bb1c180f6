"""An operator that makes a run of another DAG."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from tradewind.sdk import timezone
from tradewind.sdk.exceptions import AirflowException, DagRunTriggerException
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operator_link import BaseOperatorLink, dag_run_url
from tradewind.sdk.sensors.time import default_deferrable
from tradewind.sdk.state import DagRunState
from tradewind.sdk.strings import get_random_string
from tradewind.sdk.types import NOTSET


class DagIsPaused(AirflowException):
    """The DAG to trigger is paused."""

    def __init__(self, dag_id: str) -> None:
        super().__init__(f"Dag {dag_id} is paused")
        self.dag_id = dag_id


class TriggerDagRunLink(BaseOperatorLink):
    """Leads to the run that was made."""

    @property
    def name(self) -> str:
        """What the button says."""
        return "Triggered DAG"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """The run's page; empty if none was made."""
        run_id = getattr(operator, "trigger_run_id", None)
        return dag_run_url(str(getattr(operator, "trigger_dag_id", "")), str(run_id)) if run_id else ""


class TriggerDagRunOperator(BaseOperator):
    """Makes a run of `trigger_dag_id`, and with `wait_for_completion` waits for its end, in its slot or, deferrable,
    without one. A run that is there already fails the task, skips it (`skip_when_already_exists`) or is cleared
    (`reset_dag_run`)."""

    template_fields: Sequence[str] = (
        *("trigger_dag_id", "trigger_run_id", "logical_date", "conf"),
        *("wait_for_completion", "skip_when_already_exists"),
    )
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"conf": "py"}
    ui_color = "#ffefeb"
    operator_extra_links: Collection[Any] = (TriggerDagRunLink(),)

    def __init__(
        self,
        *,
        trigger_dag_id: str,
        trigger_run_id: str | None = None,
        conf: Any = None,
        logical_date: Any = NOTSET,
        run_after: Any = NOTSET,
        reset_dag_run: bool = False,
        wait_for_completion: bool = False,
        poke_interval: float = 60,
        allowed_states: Collection[str] | None = None,
        failed_states: Collection[str] | None = None,
        skip_when_already_exists: bool = False,
        fail_when_dag_is_paused: bool = False,
        note: str | None = None,
        deferrable: bool | None = None,
        openlineage_inject_parent_info: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.trigger_dag_id, self.trigger_run_id, self.conf = trigger_dag_id, trigger_run_id, conf
        self.logical_date, self.run_after = logical_date, run_after
        if run_after is not NOTSET and not isinstance(run_after, str):
            _as_datetime("run_after", run_after)
        self.reset_dag_run, self.wait_for_completion = reset_dag_run, wait_for_completion
        self.poke_interval, self.note = poke_interval, note
        self.allowed_states = [DagRunState(state) for state in allowed_states or [DagRunState.SUCCESS]]
        failed = [DagRunState.FAILED] if failed_states is None else failed_states
        self.failed_states = [DagRunState(state) for state in failed]
        self.skip_when_already_exists = skip_when_already_exists
        self.fail_when_dag_is_paused = fail_when_dag_is_paused
        self.openlineage_inject_parent_info = openlineage_inject_parent_info
        self.deferrable = default_deferrable() if deferrable is None else deferrable

    def execute(self, context: Any) -> Any:
        """Ask for the run."""
        logical_date = self._logical_date()
        run_after = None if self.run_after is NOTSET else _as_datetime("run_after", self.run_after)
        if self.fail_when_dag_is_paused:
            self._check_not_paused(context["ti"])
        self.trigger_run_id = str(self.trigger_run_id or _run_id(logical_date, run_after))
        raise DagRunTriggerException(
            trigger_dag_id=self.trigger_dag_id,
            dag_run_id=self.trigger_run_id,
            conf=self._conf(),
            logical_date=logical_date,
            run_after=run_after,
            reset_dag_run=self.reset_dag_run,
            skip_when_already_exists=self.skip_when_already_exists,
            wait_for_completion=self.wait_for_completion,
            allowed_states=[str(state) for state in self.allowed_states],
            failed_states=[str(state) for state in self.failed_states],
            poke_interval=self.poke_interval,
            deferrable=self.deferrable,
            note=self.note,
        )

    def _check_not_paused(self, ti: Any) -> None:
        dag = ti.get_dag(self.trigger_dag_id)
        if dag is None:
            raise AirflowException(f"Dag {self.trigger_dag_id} is not found")
        if dag.is_paused:
            raise DagIsPaused(self.trigger_dag_id)

    def _logical_date(self) -> datetime | None:
        if self.logical_date is not NOTSET:
            return _as_datetime("logical_date", self.logical_date)
        return timezone.utcnow() if self.run_after is NOTSET else None

    def _conf(self) -> dict[str, Any] | None:
        try:
            conf: Any = json.loads(self.conf) if isinstance(self.conf, str) and self.conf else self.conf
            json.dumps(conf)
        except (TypeError, ValueError) as exc:
            raise ValueError(f"conf parameter should be JSON Serializable: {self.conf!r}") from exc
        return conf or None

    def execute_complete(self, context: Any, event: tuple[str, dict[str, Any]]) -> None:
        """The runs have ended, in states that are allowed or not."""
        _, values = event
        run_ids: list[str] = values.get("run_ids") or []
        self.trigger_run_id = run_ids[0] if len(run_ids) == 1 else None
        states = [str(values.get(run_id)) for run_id in run_ids]
        if any(state in self.failed_states for state in states):
            raise AirflowException(f"{self.trigger_dag_id} failed with failed state {states}")
        if not all(state in self.allowed_states for state in states):
            raise AirflowException(f"{self.trigger_dag_id} ended as {states}, not as one of {self.allowed_states}")
        self.log.info("%s finished with allowed state %s", self.trigger_dag_id, states)


def _run_id(logical_date: datetime | None, run_after: datetime | None) -> str:
    """As Airflow makes it: by when the run may start; what only has a logical date is told apart by that alone."""
    moment = run_after or logical_date or timezone.utcnow()
    return f"manual__{moment.isoformat()}" + ("" if logical_date else f"_{get_random_string()}")


def _as_datetime(name: str, value: Any) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    if isinstance(value, str):
        return timezone.parse(value)
    raise TypeError(f"Expected str, datetime.datetime, or None for parameter {name!r}. Got {type(value).__name__}")
