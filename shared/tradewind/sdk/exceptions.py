"""The exceptions that DAG authors raise and catch, under Airflow's names.

AirflowException
├── AirflowSkipException           end the attempt as skipped
├── AirflowFailException           fail it without retry
├── AirflowNotFoundException       no such variable or connection
├── AirflowRescheduleException     give the slot back and run again later
├── DownstreamTasksSkipped         succeed, and have other tasks skipped
├── DagRunTriggerException         have a run of another DAG made, and perhaps wait for it
├── TaskDeferralError, TaskDeferralTimeout    what a deferred task waited for failed, or took too long
├── XComNotFound, TaskNotFound, ParamValidationError, …
├── authoring errors: DuplicateTaskIdFound, AirflowDagCycleException, …
└── errors of services that authors' code may name: DagNotFound, DagRunAlreadyExists, …
XComForMappingNotPushed, UnmappableXComTypePushed,
    UnmappableXComLengthPushed                       TypeErrors of a task that others map over
AirflowTaskTimeout, AirflowTaskTerminated    BaseException: not caught by `except Exception`
TaskDeferred, TaskAwaitingInput              likewise: wait for a trigger, or for a person, without a slot
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, ClassVar, NamedTuple


class AirflowException(Exception):
    """Base of the errors that Airflow's API knows."""


class AirflowConfigException(AirflowException):
    """A configuration value is missing or cannot be used."""


class AirflowNotFoundException(AirflowException):
    """The thing asked for does not exist."""


class AirflowOptionalProviderFeatureException(AirflowException):
    """A feature needs a package that is not installed."""


class ErrorType(Enum):
    """What a task's question was answered with."""

    CONNECTION_NOT_FOUND = "CONNECTION_NOT_FOUND"
    VARIABLE_NOT_FOUND = "VARIABLE_NOT_FOUND"
    XCOM_NOT_FOUND = "XCOM_NOT_FOUND"
    ASSET_NOT_FOUND = "ASSET_NOT_FOUND"
    TASK_STORE_NOT_FOUND = "TASK_STORE_NOT_FOUND"
    ASSET_STORE_NOT_FOUND = "ASSET_STORE_NOT_FOUND"
    DAGRUN_ALREADY_EXISTS = "DAGRUN_ALREADY_EXISTS"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    GENERIC_ERROR = "GENERIC_ERROR"
    API_SERVER_ERROR = "API_SERVER_ERROR"


@dataclass(frozen=True)
class ErrorResponse:
    """The answer to a question that could not be answered."""

    error: ErrorType
    detail: dict[str, str]


class AirflowRuntimeError(AirflowException):
    """The execution API could not answer. `error` says why."""

    error_type: ClassVar[ErrorType] = ErrorType.GENERIC_ERROR

    @property
    def error(self) -> ErrorResponse:
        """The kind of error, and the message."""
        return ErrorResponse(self.error_type, {"message": str(self)})


class VariableNotFoundError(AirflowRuntimeError, AirflowNotFoundException):
    """No secrets backend knows the variable, nor does the execution API."""

    error_type = ErrorType.VARIABLE_NOT_FOUND


class AssetNotFoundError(AirflowRuntimeError, AirflowNotFoundException):
    """No active asset has the name or URI."""

    error_type = ErrorType.ASSET_NOT_FOUND


class AirflowSkipException(AirflowException):
    """Raised by a task that wants to end as skipped."""


class AirflowFailException(AirflowException):
    """Raised by a task that wants to fail at once, whatever retries are left."""


class AirflowSensorTimeout(AirflowException):
    """A sensor waited longer than it may."""


class AirflowInactiveAssetInInletOrOutletException(AirflowException):
    """A task has inlets or outlets that another asset has taken the name or URI of."""

    def __init__(self, inactive_asset_keys: Collection[object]) -> None:
        self.inactive_asset_keys = list(inactive_asset_keys)
        named = ", ".join(map(str, self.inactive_asset_keys))
        super().__init__(f"Task has the following inactive assets in its inlets or outlets: {named}")


class AirflowRescheduleException(AirflowException):
    """Raised by a task that wants to give its slot back and to run again at `reschedule_date`, in the same try."""

    def __init__(self, reschedule_date: datetime) -> None:
        super().__init__(f"to run again at {reschedule_date}")
        self.reschedule_date = reschedule_date


class DownstreamTasksSkipped(AirflowException):
    """Raised by a task that ends as success and has others skipped: task ids, or (task id, map index) pairs. A mapped
    task named by its id alone is skipped with all of its instances."""

    def __init__(self, *, tasks: Sequence[str | tuple[str, int]]) -> None:
        super().__init__("downstream tasks are skipped")
        self.tasks = tasks


class DagRunTriggerException(AirflowException):
    """Raised by a task that wants a run of another DAG to be made, and perhaps to wait for its end."""

    def __init__(
        self,
        *,
        trigger_dag_id: str,
        dag_run_id: str,
        conf: Mapping[str, Any] | None,
        logical_date: datetime | None = None,
        run_after: datetime | None = None,
        reset_dag_run: bool,
        skip_when_already_exists: bool,
        wait_for_completion: bool,
        allowed_states: Sequence[str],
        failed_states: Sequence[str],
        poke_interval: float,
        deferrable: bool,
        note: str | None = None,
    ) -> None:
        super().__init__(f"a run {dag_run_id!r} of DAG {trigger_dag_id!r} is to be made")
        self.trigger_dag_id, self.dag_run_id, self.conf = trigger_dag_id, dag_run_id, conf
        self.logical_date, self.run_after, self.note = logical_date, run_after, note
        self.reset_dag_run, self.skip_when_already_exists = reset_dag_run, skip_when_already_exists
        self.wait_for_completion, self.deferrable = wait_for_completion, deferrable
        self.allowed_states, self.failed_states = allowed_states, failed_states
        self.poke_interval = poke_interval


class TaskDeferralError(AirflowException):
    """What a deferred task waited for has failed."""


class TaskDeferralTimeout(AirflowException):
    """What a deferred task waited for took longer than it may."""


class TaskDeferred(BaseException):
    """Raised by a task that wants to wait, without a slot, until `trigger` fires, and then to go on with the method
    `method_name`, called with the context, `kwargs` and the trigger's `event`."""

    def __init__(
        self, *, trigger: Any, method_name: str, kwargs: Mapping[str, Any] | None = None, timeout: Any = None
    ) -> None:
        super().__init__(f"wait for {trigger!r}, then {method_name}")
        self.trigger, self.method_name, self.kwargs = trigger, method_name, kwargs
        self.timeout: timedelta | float | None = timeout


class TaskAwaitingInput(BaseException):
    """Raised by a task that wants to wait, without a slot, until a person has answered. `human_input` holds the
    question: the fields of Airflow's HITL detail, as JSON values."""

    def __init__(
        self,
        *,
        method_name: str,
        kwargs: Mapping[str, Any] | None = None,
        timeout: Any = None,
        human_input: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"wait for a person, then {method_name}")
        self.method_name, self.kwargs, self.human_input = method_name, kwargs, human_input
        self.timeout: timedelta | float | None = timeout


class AirflowTaskTimeout(BaseException):
    """The task ran for longer than its `execution_timeout`. Not an `Exception`: `except Exception` lets it pass."""


class AirflowTaskTerminated(BaseException):
    """The attempt was told to stop. Not an `Exception`: `except Exception` lets it pass."""


class AirflowDagCycleException(AirflowException):
    """The tasks of a DAG depend on each other in a circle."""


class AirflowDagDuplicatedIdException(AirflowException):
    """A DAG's id is taken by a DAG of another file."""

    def __init__(self, dag_id: str, incoming: str, existing: str) -> None:
        super().__init__(dag_id, incoming, existing)
        self.dag_id, self.incoming, self.existing = dag_id, incoming, existing

    def __str__(self) -> str:
        return f"Ignoring DAG {self.dag_id} from {self.incoming} - also found in {self.existing}"


class AirflowTimetableInvalid(AirflowException):
    """The schedule of a DAG cannot be used."""


class DuplicateTaskIdFound(AirflowException):
    """Two tasks (or groups) of one DAG have one id."""


class TaskNotFound(AirflowException):
    """The DAG has no such task."""


class NodeNotFound(TaskNotFound, KeyError):
    """The DAG has no such task or group."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class TaskAlreadyInTaskGroup(AirflowException):
    """A task cannot belong to two groups."""


class FailFastDagInvalidTriggerRule(AirflowException):
    """A DAG with `fail_fast` may only have tasks with the trigger rule `all_success`."""


class ParamValidationError(AirflowException, ValueError):
    """A param's value does not fit its schema."""


class XComNotFound(AirflowException):
    """A value that a task wants to use was never pushed."""

    def __init__(self, dag_id: str, task_id: str, key: str) -> None:
        super().__init__(f"no XCom {key!r} was pushed by task {task_id!r} of DAG {dag_id!r} in this run")
        self.dag_id = dag_id
        self.task_id = task_id
        self.key = key


class XComForMappingNotPushed(TypeError):
    """A task that others map over returned nothing."""

    def __str__(self) -> str:
        return "did not push XCom for task mapping"


class UnmappableXComTypePushed(TypeError):
    """A task that others map over returned something that cannot be mapped over."""

    def __init__(self, value: Any, *values: Any) -> None:
        super().__init__(value, *values)

    def __str__(self) -> str:
        name = type(self.args[0]).__qualname__ + "".join(f"[{type(arg).__qualname__}]" for arg in self.args[1:])
        return f"unmappable return type {name!r}"


class UnmappableXComLengthPushed(TypeError):
    """A task that others map over returned more than the configuration admits."""

    def __init__(self, task_id: str, length: int, length_max: int) -> None:
        super().__init__(
            f"task {task_id!r} returned {length} elements to map over, and core.max_map_length admits {length_max}"
        )


class AirflowSecretsBackendAccessDenied(PermissionError):
    """A secrets backend refuses: no other one is asked."""


class RemovedInAirflow4Warning(DeprecationWarning):
    """Marks what Airflow 4 will no longer have."""


class AirflowProviderDeprecationWarning(DeprecationWarning):
    """Marks what a later provider will no longer have."""


class AirflowClusterPolicyViolation(AirflowException):
    """Raised by a policy: this DAG is not allowed."""


class AirflowClusterPolicySkipDag(AirflowException):
    """Raised by a policy: this DAG is to be left out, without an import error."""


class AirflowClusterPolicyError(AirflowException):
    """A policy failed."""


class AirflowBadRequest(AirflowException):
    """What a request says cannot be handled."""

    status_code = 400


class DagNotFound(AirflowNotFoundException):
    """There is no such DAG."""


class DagCodeNotFound(AirflowNotFoundException):
    """There is no source of the DAG."""


class DagRunNotFound(AirflowNotFoundException):
    """There is no such run."""


class TaskInstanceNotFound(AirflowNotFoundException):
    """There is no such task instance."""


class PoolNotFound(AirflowNotFoundException):
    """There is no such pool."""


class DagRunAlreadyExists(AirflowBadRequest):
    """There is such a run already."""

    def __init__(self, dag_run: Any) -> None:
        super().__init__(f"A DAG Run already exists for DAG {dag_run.dag_id} with run id {dag_run.run_id}")
        self.dag_run = dag_run


class DagRunTypeNotAllowed(AirflowException):
    """The DAG does not allow runs of this type."""


class DagNotPartitionedError(ValueError):
    """A partition key for a DAG without partitions."""


class InvalidPartitionKeyError(ValueError):
    """A partition key that is empty, too long or not understood by the timetable."""


class AirflowClearRunningTaskException(AirflowException):
    """A running task was to be cleared."""


class AirflowFileParseException(AirflowException):
    """A file of connections or variables cannot be read."""

    def __init__(self, msg: str, file_path: str, parse_errors: Sequence["FileSyntaxError"]) -> None:
        super().__init__(msg)
        self.msg, self.file_path, self.parse_errors = msg, file_path, list(parse_errors)

    def __str__(self) -> str:
        lines = [f"{self.msg}", f"Filename: {self.file_path}"]
        return "\n".join((*lines, *(f"  Line {error.line_no}: {error.message}" for error in self.parse_errors)))


class AirflowUnsupportedFileTypeException(AirflowException):
    """A file of a kind that cannot be read."""


class FileSyntaxError(NamedTuple):
    """One error in a file."""

    line_no: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.message}. Line number: {self.line_no!s},"


class ConnectionNotUnique(AirflowException):
    """Several values for one connection."""


class VariableNotUnique(AirflowException):
    """Several values for one variable."""


class InvalidStatsNameException(AirflowException):
    """The name of a metric is not allowed."""


class AirflowInternalRuntimeError(BaseException):
    """Something that must not happen."""


class SerializationError(AirflowException):
    """A value cannot be serialized."""


class DeserializationError(Exception):
    """A DAG's stored form cannot be read."""


class DeserializingResultError(ValueError):
    """A result that another Python wrote cannot be read."""


class UnknownExecutorException(ValueError):
    """An executor that is not configured."""


class NotMapped(Exception):
    """A task that is neither mapped nor in a mapped group."""


class PodMutationHookException(AirflowException):
    """A pod policy has failed."""


class PodReconciliationError(AirflowException):
    """Descriptions of a pod do not fit together."""


class TaskAlreadyRunningError(AirflowException):
    """The attempt runs elsewhere."""
