"""The real dag processor over a real store and bus, watching a folder of the test's own."""

import asyncio
import textwrap
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from prometheus_client import CollectorRegistry

from tests.polling import poll_until
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.core.bundle_list import DEFAULT_LIST
from tradewind.core.rows import DagFileRow
from tradewind.dag_processor.service import Store, run
from tradewind.dag_processor.settings import DagProcessorGroup, DagProcessorSettings
from tradewind.service.clock import new_id, utc_now
from tradewind.service.settings import CoreSettings
from tradewind.wire.codec import decode
from tradewind.wire.messages import DagsChanged
from tradewind.wire.queues import EVENTS

SEEN_WITHIN_SECONDS = 1.0
"""What the service promises for a new or edited file, on a machine that has time for it."""
AWAITED_SECONDS = 20.0
"""What a test gives a machine that has not. No listing comes so soon, unless a test wants it: only an event does."""


def dag_text(dag_id: str, *, tasks: int = 1, top: str = "") -> str:
    """A DAG file with a chain of tasks."""
    return textwrap.dedent(
        f"""\
        from airflow.sdk import DAG
        from airflow.providers.standard.operators.bash import BashOperator
        {top}
        with DAG({dag_id!r}, schedule=None):
            tasks = [BashOperator(task_id=f"task_{{n}}", bash_command="true") for n in range({tasks})]
            for before, after in zip(tasks, tasks[1:]):
                before >> after
        """
    )


class DagTables(Protocol):
    """A store, and what a test looks up in it."""

    @property
    def store(self) -> Store: ...

    async def import_errors(self) -> Mapping[str, str]:
        """relative_fileloc → stacktrace."""
        ...

    async def stale_dag_ids(self) -> list[str]: ...

    async def task_ids(self, dag_id: str) -> list[str]:
        """Of the DAG's latest version; none if there is no such DAG."""
        ...


@dataclass
class Processor:
    """What a test does with a running processor."""

    folder: Path
    tables: DagTables
    registry: CollectorRegistry
    announced: list[str] = field(default_factory=list[str])

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    async def files(self) -> Mapping[str, DagFileRow]:
        return {row.relative_fileloc: row for row in await self.tables.store.load_dag_files()}

    async def dag_ids(self, name: str) -> tuple[str, ...] | None:
        """Of the DAGs that the file defines; None if it is not known."""
        row = (await self.files()).get(name)
        return row.dag_ids if row else None

    async def until_dags(self, name: str, *dag_ids: str, timeout: float = AWAITED_SECONDS) -> None:  # noqa: ASYNC109 - as poll_until
        async def defines() -> bool:
            return await self.dag_ids(name) == dag_ids

        await poll_until(defines, timeout)

    async def until_error(self, name: str, part: str, timeout: float = AWAITED_SECONDS) -> str:  # noqa: ASYNC109 - as poll_until
        async def has_error() -> bool:
            return part in (await self.tables.import_errors()).get(name, "")

        await poll_until(has_error, timeout)
        return (await self.tables.import_errors())[name]

    async def until_no_error(self, name: str, timeout: float = AWAITED_SECONDS) -> None:  # noqa: ASYNC109 - as poll_until
        async def has_none() -> bool:
            return name not in await self.tables.import_errors()

        await poll_until(has_none, timeout)

    async def until_gone(self, name: str) -> None:
        async def is_gone() -> bool:
            return name not in await self.files()

        await poll_until(is_gone)

    async def until_tasks(self, dag_id: str, count: int, timeout: float = AWAITED_SECONDS) -> None:  # noqa: ASYNC109 - as poll_until
        async def has_tasks() -> bool:
            return len(await self.tables.task_ids(dag_id)) == count

        await poll_until(has_tasks, timeout)

    async def until_watching(self) -> None:
        """Until file events are seen."""
        self.write("watching.py", dag_text("watching"))
        await self.until_dags("watching.py", "watching")
        self.write("watching.py", dag_text("watching_now"))
        await self.until_dags("watching.py", "watching_now")

    def parsed(self, status: str = "parsed") -> float:
        """Files parsed so far with this status."""
        value = self.registry.get_sample_value("tradewind_dag_processor_files_parsed_total", {"status": status})
        return value or 0.0

    def missed_events(self) -> float:
        """Changes that a listing found, and no event named."""
        return self.registry.get_sample_value("tradewind_dag_processor_events_missed_total") or 0.0

    def listings(self) -> float:
        """Full listings so far."""
        return self.registry.get_sample_value("tradewind_dag_processor_listings_total") or 0.0


@asynccontextmanager
async def running_processor(
    tables: DagTables,
    folder: Path,
    *,
    import_timeout_seconds: float = 30.0,
    refresh_interval_seconds: float = 600.0,
    load_examples: bool = False,
    bundles: str = DEFAULT_LIST,
    bundle_max_bytes: int = 1 << 28,
    **core: Any,
) -> AsyncGenerator[Processor]:
    """Run the service until the block is left; `bundles`: the list of them; `core`: more settings of that section."""
    settings = DagProcessorSettings(
        home=folder.parent / "home",
        core=CoreSettings(
            dags_folder=folder,
            dagbag_import_timeout_seconds=import_timeout_seconds,
            load_examples=load_examples,
            **core,
        ),
        dag_processor=DagProcessorGroup(
            refresh_interval_seconds=refresh_interval_seconds,
            dag_bundle_config_list=bundles,
            bundle_max_bytes=bundle_max_bytes,
        ),
    )
    bus = MemoryBus(MemoryBroker())
    stop = asyncio.Event()
    processor = Processor(folder, tables, CollectorRegistry())
    async with asyncio.TaskGroup() as group, bus.subscribe(EVENTS) as events:

        async def note_events() -> None:
            async for message in events:
                processor.announced += decode(message.body, DagsChanged).dag_ids

        noting = group.create_task(note_events(), name="note events")
        serving = group.create_task(
            run(
                settings=settings,
                bus=bus,
                store=tables.store,
                clock=utc_now,
                new_id=new_id,
                stop=stop,
                registry=processor.registry,
            ),
            name="dag processor",
        )
        try:
            yield processor
        finally:
            stop.set()
            await asyncio.wait([serving])
            noting.cancel()
