"""What the versions of DAGs say, as far as the API shows it or checks requests by it."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from uuid import UUID

from tradewind.core.errors import NotFound
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.db.api.dags import get_dag_specs
from tradewind.db.pool import Database, Row

REMEMBERED_TASKS: Final = 50_000


class VersionKey(NamedTuple):
    """A version and what it was made of: one that has no runs yet may still change."""

    id: UUID
    digest: str

    @classmethod
    def of_row(cls, row: Row) -> "VersionKey":
        return cls(row["version_id"], row["version_digest"])


class DagSpecs:
    """Reads specs and remembers those used last, up to a number of tasks.

    Texts and colours for people may change at any time: `fresh` reads them anew.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._specs: OrderedDict[VersionKey, DagSpec] = OrderedDict()
        self._held_tasks = 0

    async def get(self, key: VersionKey) -> DagSpec:
        """The spec of one version; raises `NotFound`."""
        return _one_of(await self.get_many((key,)), key)

    async def get_many(self, keys: Iterable[VersionKey]) -> Mapping[VersionKey, DagSpec]:
        """The specs of some versions; unknown ones are left out."""
        wanted = list(dict.fromkeys(keys))
        found = {key: self._specs[key] for key in wanted if key in self._specs}
        if missing := [key for key in wanted if key not in found]:
            read = await get_dag_specs(self._database, [key.id for key in missing])
            for key in missing:
                if key.id in read:
                    found[key] = read[key.id]
                    self._remember(key, read[key.id])
        return found

    async def tasks(self, keys: Iterable[VersionKey]) -> Mapping[UUID, Mapping[str, TaskSpec]]:
        """The tasks of some versions: version id → task_id → task; unknown versions are left out."""
        specs = await self.get_many(keys)
        return {key.id: {task.task_id: task for task in spec.tasks} for key, spec in specs.items()}

    async def fresh(self, key: VersionKey) -> DagSpec:
        """The spec of one version as it is now; raises `NotFound`."""
        self._forget(key)
        return await self.get(key)

    def _remember(self, key: VersionKey, spec: DagSpec) -> None:
        self._forget(key)
        self._specs[key] = spec
        self._held_tasks += len(spec.tasks)
        while self._held_tasks > REMEMBERED_TASKS and len(self._specs) > 1:
            self._forget(next(iter(self._specs)))

    def _forget(self, key: VersionKey) -> None:
        gone = self._specs.pop(key, None)
        self._held_tasks -= len(gone.tasks) if gone else 0


def _one_of(specs: Mapping[VersionKey, DagSpec], key: VersionKey) -> DagSpec:
    if key not in specs:
        raise NotFound(f"The DAG version {key.id} was not found")
    return specs[key]
