"""`tradewind celery flower`: Celery's monitoring tool, on the broker of the fleet."""

import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from tradewind.cli.daemons.words import may_run_in_background


@may_run_in_background("flower")
def flower(
    hostname: Annotated[str | None, typer.Option("-H", "--hostname", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("-p", "--port", help="Port to listen on.", min=0, max=65535)] = None,
    flower_conf: Annotated[
        Path | None, typer.Option("-c", "--flower-conf", metavar="FILE", help="A configuration file of flower's.")
    ] = None,
    url_prefix: Annotated[str | None, typer.Option("-u", "--url-prefix", help="Under which a proxy shows it.")] = None,
    basic_auth: Annotated[
        str | None, typer.Option("-A", "--basic-auth", help="Who may see it: `user:password,…`.")
    ] = None,
    broker_api: Annotated[str | None, typer.Option("-a", "--broker-api", help="RabbitMQ's management API.")] = None,
) -> None:
    """Run flower, which shows the workers and what they do; to be installed beside Tradewind."""
    from tradewind.cli.workers.flower_settings import FlowerSettings, checked_broker_url
    from tradewind.service.settings import load_settings

    settings = load_settings(FlowerSettings)
    broker_url = checked_broker_url(settings, "flower", is_installed=find_spec("flower") is not None)
    own = settings.celery
    options = {
        "address": hostname or own.flower_host,
        "port": own.flower_port if port is None else port,
        "conf": flower_conf,
        "url-prefix": url_prefix or own.flower_url_prefix,
        "basic-auth": basic_auth or own.flower_basic_auth.get_secret_value(),
        "broker-api": broker_api,
    }
    celery: Any = importlib.import_module("celery")
    # The address of the broker is not among the arguments: others on this machine may read those.
    celery.Celery(broker=broker_url).start(
        ["flower", *(f"--{name}={value}" for name, value in options.items() if value not in (None, ""))]
    )
