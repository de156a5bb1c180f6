"""Commands that run one service each, and `standalone`, which runs all of them."""

from typing import Annotated

import typer


def add_commands(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("standalone")(standalone)
    app.command("api-server")(api_server)
    app.command("dag-processor")(dag_processor)
    app.command("scheduler")(scheduler)
    app.command("dispatcher")(dispatcher)
    app.command("collector")(collector)
    app.command("worker")(worker)
    app.command("triggerer")(triggerer)


def standalone() -> None:
    """Run everything in one process; without other settings on an embedded Postgres and an in-memory bus."""
    from tradewind.cli.standalone import main

    main()


def api_server() -> None:
    """Run the REST API and the execution API."""
    from tradewind.api.__main__ import main

    main()


def dag_processor() -> None:
    """Watch the DAGs folder and parse what changes."""
    from tradewind.dag_processor.__main__ import main

    main()


def scheduler() -> None:
    """Decide what runs next."""
    from tradewind.scheduler.__main__ import main

    main()


def dispatcher() -> None:
    """Hand queued task instances to executors."""
    from tradewind.dispatcher.__main__ import main

    main()


def collector() -> None:
    """Grant claims, take results and heartbeats."""
    from tradewind.collector.__main__ import main

    main()


def triggerer(
    capacity: Annotated[int | None, typer.Option("--capacity", help="Triggers at once.", min=1)] = None,
    queues: Annotated[
        str | None, typer.Option("--queues", help="Run triggers of these queues only, separated by commas.")
    ] = None,
) -> None:
    """Run what deferred tasks wait for."""
    from tradewind.triggerer.__main__ import main

    main(capacity=capacity, queues=queues)


def worker(
    queues: Annotated[str | None, typer.Option("-q", "--queues", help="Queues to serve, separated by commas.")] = None,
    concurrency: Annotated[int | None, typer.Option("-c", "--concurrency", help="Tasks at once.", min=1)] = None,
    name: Annotated[str | None, typer.Option("-n", "--name", help="Name of this worker; must be unique.")] = None,
) -> None:
    """Run tasks from queues."""
    from tradewind.worker.__main__ import main

    main(queues=queues, concurrency=concurrency, name=name)
