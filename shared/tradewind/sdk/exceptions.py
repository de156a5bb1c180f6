"""The exceptions that DAG authors raise and catch, under Airflow's names.

AirflowException
├── AirflowSkipException           end the attempt as skipped
├── AirflowFailException           fail it without retry
├── AirflowNotFoundException       no such variable or connection
├── XComNotFound, TaskNotFound, ParamValidationError, …
└── authoring errors: DuplicateTaskIdFound, AirflowDagCycleException, …
AirflowTaskTimeout, AirflowTaskTerminated    BaseException: not caught by `except Exception`
"""


class AirflowException(Exception):
    """Base of the errors that Airflow's API knows."""


class AirflowConfigException(AirflowException):
    """A configuration value is missing or cannot be used."""


class AirflowNotFoundException(AirflowException):
    """The thing asked for does not exist."""


class AirflowRuntimeError(AirflowException):
    """The execution API could not answer."""


class AirflowSkipException(AirflowException):
    """Raised by a task that wants to end as skipped."""


class AirflowFailException(AirflowException):
    """Raised by a task that wants to fail at once, whatever retries are left."""


class AirflowSensorTimeout(AirflowException):
    """A sensor waited longer than it may."""


class AirflowTaskTimeout(BaseException):
    """The task ran for longer than its `execution_timeout`. Not an `Exception`: `except Exception` lets it pass."""


class AirflowTaskTerminated(BaseException):
    """The attempt was told to stop. Not an `Exception`: `except Exception` lets it pass."""


class AirflowDagCycleException(AirflowException):
    """The tasks of a DAG depend on each other in a circle."""


class AirflowDagDuplicatedIdException(AirflowException):
    """Two DAGs have one id."""


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


class RemovedInAirflow4Warning(DeprecationWarning):
    """Marks what Airflow 4 will no longer have."""


class AirflowProviderDeprecationWarning(DeprecationWarning):
    """Marks what a later provider will no longer have."""
