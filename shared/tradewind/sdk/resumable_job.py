"""Operators that start one job in another system and wait for it, and that find it again when they are tried again."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from tradewind.sdk.default_args import fills_from_default_args

if TYPE_CHECKING:
    from tradewind.sdk.context import Context
    from tradewind.sdk.log import TaskLogger


class ResumableJobMixin(ABC):
    """Stands before BaseOperator among an operator's bases; `execute` calls `execute_resumable(context)`.

    The job's id is kept in the task's state store as soon as the job is submitted. A later try looks it up: a job that
    still runs is waited for, one that succeeded gives its result, and only one that failed is submitted anew.
    """

    external_id_key: str = "remote_job_id"
    """Under which the id is kept."""

    if TYPE_CHECKING:

        @property
        def log(self) -> TaskLogger: ...

    @fills_from_default_args
    def __init__(self, *, durable: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.durable = durable

    def execute_resumable(self, context: "Context") -> Any:
        """Wait for the job of an earlier try if there is one, else submit it; its result."""
        known = self._known_job(context) if self.durable else None
        if known is not None:
            status = self.get_job_status(known, context)
            if self.is_job_active(status):
                self.log.info("Reconnecting to job %s, which is %s", known, status)
                self.poll_until_complete(known, context)
                return self.get_job_result(known, context)
            if self.is_job_succeeded(status):
                self.log.info("Job %s is done already: it is not submitted again", known)
                return self.get_job_result(known, context)
            self.log.warning("Job %s ended as %s: submitting another", known, status)
        job = self.submit_job(context)
        self._keep_job(context, job)
        self.poll_until_complete(job, context)
        return self.get_job_result(job, context)

    def _known_job(self, context: "Context") -> Any:
        store = context.get("task_state_store")
        return None if store is None else store.get(self.external_id_key)

    def _keep_job(self, context: "Context", job: Any) -> None:
        store = context.get("task_state_store")
        if self.durable and store is not None and job is not None:
            store.set(self.external_id_key, job)

    @abstractmethod
    def submit_job(self, context: "Context") -> Any:
        """Start the job; its id, a JSON value."""

    @abstractmethod
    def get_job_status(self, external_id: Any, context: "Context") -> str:
        """What the other system says of the job."""

    @abstractmethod
    def is_job_active(self, status: str) -> bool:
        """Whether a job of this status still runs."""

    @abstractmethod
    def is_job_succeeded(self, status: str) -> bool:
        """Whether a job of this status succeeded."""

    @abstractmethod
    def poll_until_complete(self, external_id: Any, context: "Context") -> None:
        """Wait for the job; raise if it fails."""

    @abstractmethod
    def get_job_result(self, external_id: Any, context: "Context") -> Any:
        """What the job gave."""
