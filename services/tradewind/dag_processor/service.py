"""The dag processor: watches the DAG folders, has each changed file parsed in a child process, writes what it defines.

    folders ──events──▶ Inbox ──▶ Examiner ──▶ ParseQueue ──▶ Parsing ──▶ parse server ──fork──▶ child per file
               (watch)            (Disk, FileIndex)               │
                                       ▲                          ▼
                                       └──── verify ──── StoreWriter ──▶ store, `DagsChanged`

A parse is valid while everything that it read is unchanged: the file's content, modules and data files of the DAGs
folder, the installed libraries, stored Variables and Connections. So a file is parsed when one of these changes, and at
no other time, also across restarts. Events of the folders are seen at once; whatever they miss, a listing every
`refresh_interval_seconds` finds and counts. Writes of what is stored are found by a sweep.
User code never runs in this process.
"""

import asyncio
from typing import Final, Protocol

from prometheus_client import CollectorRegistry

from tradewind.bus.port import Bus
from tradewind.core.clock import Clock, IdFactory
from tradewind.dag_processor.bundles.collection import BundleCollection
from tradewind.dag_processor.bundles.git.connections import ReaderConnections
from tradewind.dag_processor.bundles.git.follower import GitFollower
from tradewind.dag_processor.bundles.keeper import BundleKeeper, BundleMetrics, Source
from tradewind.dag_processor.bundles.loop import Bundles
from tradewind.dag_processor.bundles.problems import BundleProblems
from tradewind.dag_processor.bundles.sources import bundle_sources
from tradewind.dag_processor.disk import Disk
from tradewind.dag_processor.examiner import Examiner
from tradewind.dag_processor.file_index import FileIndex
from tradewind.dag_processor.folder import DagFolder
from tradewind.dag_processor.inbox import Inbox
from tradewind.dag_processor.parse_client import ParseServerClient
from tradewind.dag_processor.parse_queue import ParseQueue
from tradewind.dag_processor.parsing import Parsing
from tradewind.dag_processor.requests.loop import RequestLoop
from tradewind.dag_processor.requests.questions import QuestionLoop
from tradewind.dag_processor.requests.wanted_parses import WantedParses
from tradewind.dag_processor.settings import DagProcessorSettings
from tradewind.dag_processor.store_writer import StoreWriter
from tradewind.dag_processor.stored_values import TOKEN_SECONDS, StoredValuesSweep, reader_access
from tradewind.dag_processor.watch import watch_root
from tradewind.db.bundles.store import BundleStore
from tradewind.db.parse_requests import ParseRequestStore
from tradewind.db.store import DagRequestStore, DagStore
from tradewind.db.stored_values import StoredValuesStore
from tradewind.service.backoff import jitter_from
from tradewind.service.bundle_folder import BundleFolder
from tradewind.service.dag_roots import DagRoot
from tradewind.service.lifecycle import pause
from tradewind.service.metrics import Telemetry
from tradewind.service.secrets import jwt_secret
from tradewind.service.tokens import CONNECTION_TESTER, TokenSigner

HEARTBEAT_SECONDS: Final = 5.0


class Store(DagStore, DagRequestStore, ParseRequestStore, StoredValuesStore, BundleStore, Protocol):
    """All that a dag processor asks of the store."""


async def run(
    *,
    settings: DagProcessorSettings,
    bus: Bus,
    store: Store,
    clock: Clock,
    new_id: IdFactory,
    stop: asyncio.Event,
    registry: CollectorRegistry,
) -> None:
    """Serve until `stop`. Files that are being parsed then are parsed again at the next start."""
    telemetry = Telemetry(registry, service="dag_processor")
    jitter = jitter_from(new_id)
    writer = StoreWriter(store=store, bus=bus, clock=clock, jitter=jitter, telemetry=telemetry)
    rows = await writer.load(stop)
    if rows is None:
        return
    sources = bundle_sources(settings)
    roots = sources.roots
    folders = [
        DagFolder(
            root,
            syntax=settings.core.dag_ignore_file_syntax,
            safe_mode=settings.core.dag_discovery_safe_mode,
        )
        for root in roots
    ]
    index, inbox, queue = FileIndex(rows), Inbox(), ParseQueue()
    signer = TokenSigner(jwt_secret(settings))
    access = reader_access(settings.execution_api_url, signer, clock)
    parser = ParseServerClient(jitter=jitter, access=access, dags_folder=settings.dags_folder.absolute())
    examiner = Examiner(
        disk=Disk(folders, held=sources.broken),
        index=index,
        inbox=inbox,
        queue=queue,
        parser=parser,
        writer=writer,
        telemetry=telemetry,
        refresh_interval_seconds=sources.listing_interval_seconds,
    )
    bundle_metrics = BundleMetrics(telemetry)
    problems = BundleProblems(sources.names, sources.broken, store=store, clock=clock, telemetry=telemetry)
    bundles = Bundles(
        [_keeper(root, sources.of(root), settings, index, store, clock, bundle_metrics, problems) for root in roots],
        refresh_interval_seconds=sources.listing_interval_seconds,
    )
    fetches = telemetry.counter("bundle_fetches_total", "Looks at Git repositories", ("bundle", "outcome"))

    def moved() -> None:
        inbox.list_folders()
        bundles.touch()

    followers = [
        GitFollower(
            bundle=bundle,
            repository=repository,
            connections=ReaderConnections(access),
            problems=problems,
            moved=moved,
            default_interval_seconds=settings.dag_processor.refresh_interval_seconds,
            jitter=jitter,
            fetches=fetches,
        )
        for bundle, repository in sources.repositories
    ]
    collection = BundleCollection(
        store=store,
        clock=clock,
        telemetry=telemetry,
        retention_seconds=settings.dag_processor.bundle_retention_seconds,
        interval_seconds=settings.dag_processor.bundle_collection_interval_seconds,
    )
    parsing = Parsing(
        settings=settings,
        roots=roots,
        queue=queue,
        parser=parser,
        index=index,
        inbox=inbox,
        writer=writer,
        examiner=examiner,
        bundles=bundles,
        telemetry=telemetry,
    )
    wanted_parses = WantedParses(
        store=store,
        index=index,
        queue=queue,
        telemetry=telemetry,
        interval_seconds=settings.dag_processor.request_interval_seconds,
    )
    requests = RequestLoop(
        settings=settings,
        roots=roots,
        store=store,
        bus=bus,
        parser=parser,
        clock=clock,
        jitter=jitter,
        telemetry=telemetry,
        heard=wanted_parses.wake_up,
    )
    questions = QuestionLoop(
        limits=settings.dag_processor, roots=roots, bus=bus, parser=parser, jitter=jitter, telemetry=telemetry
    )
    stored_values = StoredValuesSweep(
        store=store,
        index=index,
        queue=queue,
        telemetry=telemetry,
        interval_seconds=settings.dag_processor.stored_values_interval_seconds,
        retry_seconds=settings.dag_processor.refresh_interval_seconds,
    )
    async with asyncio.TaskGroup() as group:
        if settings.core.test_connection == "Enabled":
            # Imported here: few deployments want it.
            from tradewind.dag_processor.connection_tests.loop import ConnectionTestLoop

            connection_tests = ConnectionTestLoop(
                execution_api_url=settings.execution_api_url,
                mint_token=lambda: signer.mint_reader_token(
                    CONNECTION_TESTER, now=clock(), lifetime_seconds=TOKEN_SECONDS
                ),
                bus=bus,
                jitter=jitter,
                telemetry=telemetry,
            )
            group.create_task(connection_tests.run(stop), name="connection-tests")
        group.create_task(parser.run(stop), name="parse-server")
        group.create_task(requests.run(stop), name="requests")
        group.create_task(wanted_parses.run(stop), name="wanted-parses")
        group.create_task(questions.run(stop), name="timetable-questions")
        group.create_task(problems.run(stop, sources.listing_interval_seconds), name="bundle-problems")
        for follower in followers:
            group.create_task(follower.run(stop), name=f"follow {follower.name}")
        for root in sources.folders:
            group.create_task(watch_root(root, inbox, stop, bundles.touch), name=f"watch {root.folder}")
        group.create_task(examiner.run(stop), name="examiner")
        group.create_task(parsing.run_parses(stop), name="parses")
        group.create_task(parsing.run_writes(stop), name="writes")
        group.create_task(stored_values.run(stop), name="stored-values")
        group.create_task(bundles.run(stop), name="bundles")
        group.create_task(collection.run(stop), name="bundle-collection")
        group.create_task(_beat(writer, new_id, stop), name="heartbeat")


def _keeper(
    root: DagRoot,
    source: Source,
    settings: DagProcessorSettings,
    index: FileIndex,
    store: Store,
    clock: Clock,
    metrics: BundleMetrics,
    problems: BundleProblems,
) -> BundleKeeper:
    return BundleKeeper(
        name=root.bundle_name,
        prefix=root.prefix,
        folder=BundleFolder(root.folder, settings.dag_processor.bundle_limits),
        source=source,
        index=index,
        store=store,
        clock=clock,
        metrics=metrics,
        problems=problems,
    )


async def _beat(writer: StoreWriter, new_id: IdFactory, stop: asyncio.Event) -> None:
    instance = new_id()
    await writer.record_heartbeat(instance)
    while not await pause(stop, HEARTBEAT_SECONDS):
        await writer.record_heartbeat(instance)
