"""Version and health."""

from tradewind.api.models.base import ApiModel


class VersionInfo(ApiModel):
    """Version of Tradewind."""

    version: str
    git_version: str | None = None


class BaseInfoResponse(ApiModel):
    """`healthy`, `unhealthy`, or null: there is no such service here."""

    status: str | None


class SchedulerInfoResponse(BaseInfoResponse):
    """The scheduler that was heard of last."""

    latest_scheduler_heartbeat: str | None


class TriggererInfoResponse(BaseInfoResponse):
    """The triggerer that was heard of last."""

    latest_triggerer_heartbeat: str | None


class DagProcessorInfoResponse(BaseInfoResponse):
    """The DAG processor that was heard of last."""

    latest_dag_processor_heartbeat: str | None


class ServiceInfoResponse(BaseInfoResponse):
    """A service that Airflow does not have: the instance that was heard of last."""

    latest_heartbeat: str | None


class HealthInfoResponse(ApiModel):
    """Health of the whole system, as far as the database knows."""

    metadatabase: BaseInfoResponse
    scheduler: SchedulerInfoResponse
    triggerer: TriggererInfoResponse
    dag_processor: DagProcessorInfoResponse | None = None
    dispatcher: ServiceInfoResponse
    collector: ServiceInfoResponse
    worker: ServiceInfoResponse
