"""What the standard provider's operators and sensors raise.

AirflowException
├── AirflowExternalTaskSensorException
│   ├── ExternalDagNotFoundError, ExternalDagDeletedError, ExternalDagFailedError
│   ├── ExternalTaskNotFoundError, ExternalTaskFailedError
│   ├── ExternalTaskGroupNotFoundError, ExternalTaskGroupFailedError
│   └── DuplicateStateError
└── HITLRejectException
HITLTriggerEventError            an Exception of its own
└── HITLTimeoutError
"""

from tradewind.sdk.exceptions import AirflowException


class AirflowExternalTaskSensorException(AirflowException):
    """Base of what sensors of other DAGs raise."""


class ExternalDagNotFoundError(AirflowExternalTaskSensorException):
    """The other DAG does not exist."""


class ExternalDagDeletedError(AirflowExternalTaskSensorException):
    """The other DAG was deleted."""


class ExternalDagFailedError(AirflowExternalTaskSensorException):
    """The other DAG's run has failed."""


class ExternalTaskNotFoundError(AirflowExternalTaskSensorException):
    """The other DAG has no such task."""


class ExternalTaskFailedError(AirflowExternalTaskSensorException):
    """A task that is waited for has failed."""


class ExternalTaskGroupNotFoundError(AirflowExternalTaskSensorException):
    """The other DAG has no such task group."""


class ExternalTaskGroupFailedError(AirflowExternalTaskSensorException):
    """The task group that is waited for has failed."""


class DuplicateStateError(AirflowExternalTaskSensorException):
    """A state stands in more than one of the lists of allowed, skipped and failed states."""


class HITLTriggerEventError(Exception):
    """The wait for an answer ended without one."""


class HITLTimeoutError(HITLTriggerEventError):
    """Nobody answered in time, and there is no default."""


class HITLRejectException(AirflowException):
    """A person rejected."""
