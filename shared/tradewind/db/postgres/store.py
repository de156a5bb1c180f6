"""The store that services run on."""

from tradewind.core.clock import IdFactory
from tradewind.db.assets.store import PostgresAssetStore
from tradewind.db.bundles.store import PostgresBundleStore
from tradewind.db.pool import Database
from tradewind.db.postgres.by_hand import PostgresHandStore
from tradewind.db.postgres.collector import PostgresCollectorStore
from tradewind.db.postgres.dag_requests import PostgresDagRequestStore
from tradewind.db.postgres.dags import PostgresDagStore
from tradewind.db.postgres.deadlines import PostgresDeadlineStore
from tradewind.db.postgres.parse_requests import PostgresParseRequests
from tradewind.db.postgres.people import PostgresPeopleStore
from tradewind.db.postgres.run_creation import PostgresRunCreationStore
from tradewind.db.postgres.scheduler import PostgresSchedulerStore
from tradewind.db.postgres.stored_values import PostgresStoredValues
from tradewind.db.postgres.triggerer import PostgresTriggererStore
from tradewind.db.specs import SpecCache
from tradewind.db.watchers.store import PostgresWatcherStore
from tradewind.service.clock import new_id


class PostgresStore(
    PostgresSchedulerStore,
    PostgresRunCreationStore,
    PostgresDeadlineStore,
    PostgresCollectorStore,
    PostgresDagStore,
    PostgresDagRequestStore,
    PostgresTriggererStore,
    PostgresWatcherStore,
    PostgresPeopleStore,
    PostgresHandStore,
    PostgresAssetStore,
    PostgresBundleStore,
    PostgresStoredValues,
    PostgresParseRequests,
):
    """Every port, on one pool of connections."""

    def __init__(self, database: Database, *, new_id: IdFactory = new_id, specs: SpecCache | None = None) -> None:
        cache = SpecCache() if specs is None else specs
        PostgresSchedulerStore.__init__(self, database, cache)
        PostgresRunCreationStore.__init__(self, database)
        PostgresDeadlineStore.__init__(self, database)
        PostgresCollectorStore.__init__(self, database, cache)
        PostgresDagStore.__init__(self, database, new_id)
        PostgresDagRequestStore.__init__(self, database)
        PostgresTriggererStore.__init__(self, database, cache)
        PostgresWatcherStore.__init__(self, database)
        PostgresPeopleStore.__init__(self, database)
        PostgresHandStore.__init__(self, database)
        PostgresAssetStore.__init__(self, database, new_id)
        PostgresBundleStore.__init__(self, database)
        PostgresStoredValues.__init__(self, database)
        PostgresParseRequests.__init__(self, database)
