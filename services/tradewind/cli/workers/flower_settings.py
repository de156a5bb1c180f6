"""Settings of flower, with Airflow's names; and whether it, or another of Celery's tools, can run."""

from typing import Annotated

from msgspec import Meta, Struct

from tradewind.core.errors import ConfigError
from tradewind.service.environment import SecretStr
from tradewind.service.settings import ServiceSettings, required_broker_url


class FlowerOptions(Struct, frozen=True):
    """Of what Airflow keeps in [celery]: `TRADEWIND__CELERY__…`."""

    flower_host: str = "127.0.0.1"
    """This machine only, as the API; Airflow's is 0.0.0.0. Who reaches flower may end tasks and workers."""
    flower_port: Annotated[int, Meta(ge=0, le=65535)] = 5555
    flower_url_prefix: str = ""
    flower_basic_auth: SecretStr = SecretStr("")
    """`user:password`, separated by commas."""


class FlowerSettings(ServiceSettings, frozen=True):
    """What flower is started with."""

    celery: FlowerOptions = FlowerOptions()


def checked_broker_url(settings: ServiceSettings, program: str, *, is_installed: bool) -> str:
    """The broker's address for flower or celery; raises `ConfigError` that says what is missing."""
    if not is_installed:
        raise ConfigError(f"{program} is not installed: `pip install 'tradewind[{program}]'`")
    url = required_broker_url(settings)
    if not url.startswith(("amqp://", "amqps://")):
        raise ConfigError(
            f"{program} sees RabbitMQ only, not Redis Streams: `tradewind workers list` and `… queues` show the fleet"
        )
    return url
