"""Commands that run one service each, and `standalone`, which runs all of them."""

import os
from typing import Annotated

import typer

from tradewind.cli.daemons.words import may_run_in_background


def standalone() -> None:
    """Run everything in one process; without other settings on an embedded Postgres and an in-memory bus."""
    from tradewind.cli.standalone import main

    main()


@may_run_in_background("api-server")
def api_server(
    port: Annotated[int | None, typer.Option("--port", "-p", help="Listen on this port.", min=0, max=65535)] = None,
    host: Annotated[str | None, typer.Option("--host", "-H", help="Listen on this address.")] = None,
    workers: Annotated[int, typer.Option("--workers", "-w", help="Processes that share the port.", min=1)] = 1,
) -> None:
    """Run the REST API and the execution API."""
    from tradewind.api.__main__ import main

    given = {"TRADEWIND__API__PORT": port, "TRADEWIND__API__HOST": host}
    os.environ.update({name: str(value) for name, value in given.items() if value is not None})
    main(workers=workers)


@may_run_in_background("dag-processor")
def dag_processor() -> None:
    """Watch the DAGs folder and parse what changes."""
    from tradewind.dag_processor.__main__ import main

    main()


@may_run_in_background("scheduler")
def scheduler() -> None:
    """Decide what runs next."""
    from tradewind.scheduler.__main__ import main

    main()


@may_run_in_background("dispatcher")
def dispatcher() -> None:
    """Hand queued task instances to executors."""
    from tradewind.dispatcher.__main__ import main

    main()


@may_run_in_background("collector")
def collector() -> None:
    """Grant claims, take results and heartbeats."""
    from tradewind.collector.__main__ import main

    main()


@may_run_in_background("triggerer")
def triggerer(
    capacity: Annotated[int | None, typer.Option("--capacity", help="Triggers at once.", min=1)] = None,
    queues: Annotated[
        str | None, typer.Option("--queues", help="Run triggers of these queues only, separated by commas.")
    ] = None,
) -> None:
    """Run what deferred tasks wait for."""
    from tradewind.triggerer.__main__ import main

    main(capacity=capacity, queues=queues)


@may_run_in_background("worker")
def worker(
    queues: Annotated[str | None, typer.Option("-q", "--queues", help="Queues to serve, separated by commas.")] = None,
    concurrency: Annotated[int | None, typer.Option("-c", "--concurrency", help="Tasks at once.", min=1)] = None,
    name: Annotated[
        str | None,
        typer.Option("-n", "--name", "-H", "--celery-hostname", "--hostname", help="Name of this worker."),
    ] = None,
    autoscale: Annotated[
        str | None, typer.Option("-a", "--autoscale", help="`most,fewest` tasks at once, in place of -c.")
    ] = None,
    umask: Annotated[str | None, typer.Option("-u", "--umask", help="Of files that tasks make, octal.")] = None,
    tags: Annotated[str | None, typer.Option("--tags", help="Labels of this worker, separated by commas.")] = None,
    pools: Annotated[str | None, typer.Option("--pools", help="Take tasks of these pools only.")] = None,
    isolation: Annotated[
        str | None, typer.Option("--isolation", help="fork: a process per task; reuse: one task after another in it.")
    ] = None,
    max_tasks_per_child: Annotated[
        int | None, typer.Option("--max-tasks-per-child", help="With --isolation reuse: tasks per process.", min=1)
    ] = None,
    max_memory_per_child: Annotated[
        int | None,
        typer.Option("--max-memory-per-child", help="With --isolation reuse: KiB after which it is replaced.", min=1),
    ] = None,
    async_concurrency: Annotated[
        int | None,
        typer.Option("--async-concurrency", help="Coroutine tasks at once, besides, in one process.", min=0),
    ] = None,
    skip_serve_logs: Annotated[
        bool, typer.Option("-s", "--skip-serve-logs", help="Of no effect: no worker serves logs here.")
    ] = False,
    without_gossip: Annotated[bool, typer.Option("--without-gossip", help="Of no effect: workers do not.")] = False,
    without_mingle: Annotated[bool, typer.Option("--without-mingle", help="Of no effect: workers do not.")] = False,
) -> None:
    """Run tasks from queues."""
    from tradewind.worker.__main__ import Given, main

    main(
        Given(
            queues=queues,
            concurrency=concurrency,
            name=name,
            autoscale=autoscale,
            umask=umask,
            tags=tags,
            pools=pools,
            isolation=isolation,
            max_tasks_per_child=max_tasks_per_child,
            max_memory_per_child=max_memory_per_child,
            async_concurrency=async_concurrency,
        )
    )
