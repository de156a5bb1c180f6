"""The app for a stock Celery worker: `celery -A tradewind.worker.celery_app worker -Q default`.

Needs `pip install tradewind[celery]`, RabbitMQ as the broker, and the environment that `tradewind tasks run` needs
(docs/celery.md). Celery looks for the module's `app`.
"""

# Celery is an extra and has no types.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUntypedFunctionDecorator=false, reportUnknownParameterType=false

from celery import Celery

from tradewind.core.errors import ConfigError
from tradewind.service.settings import load_settings, required_broker_url
from tradewind.wire.celery import TASK_NAME
from tradewind.worker.execute_command import execute_command
from tradewind.worker.settings import WorkerSettings


def create_app(settings: WorkerSettings) -> Celery:
    """An app whose one task is ours. Raises `ConfigError` for a broker that Celery cannot share with us."""
    broker_url = required_broker_url(settings)
    if not broker_url.startswith(("amqp://", "amqps://")):
        raise ConfigError(
            "a stock Celery worker can take task messages from RabbitMQ only (amqp://…): Celery's tools do not see "
            "Redis Streams"
        )
    celery = Celery("tradewind")
    celery.conf.update(
        broker_url=broker_url,
        broker_connection_retry_on_startup=True,
        result_backend=None,
        task_ignore_result=True,
        accept_content=["json"],
        task_serializer="json",
        task_default_queue=settings.worker.queues[0],
        worker_concurrency=settings.celery.worker_concurrency,
        worker_prefetch_multiplier=1,  # what waits here could start elsewhere
        task_acks_late=False,  # a message is no permission to run, and a lost one is sent again
        worker_enable_remote_control=settings.celery.worker_enable_remote_control,
        worker_send_task_events=settings.celery.worker_send_task_events,
        enable_utc=True,
        timezone="UTC",
    )
    celery.task(execute_command, name=TASK_NAME, ignore_result=True)
    return celery


app = create_app(load_settings(WorkerSettings))
