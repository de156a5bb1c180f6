"""DAG specs as they are stored: JSON text, and a digest of what makes a version."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Final
from uuid import UUID

import msgspec

from tradewind.core.spec import DagSpec, TaskSpec

UNVERSIONED_DAG_FIELDS: Final = (
    *("doc_md", "description", "tags", "owners", "is_paused_upon_creation", "access_control"),
    *("timetable_description", "timetable_type", "timetable_periodic", "timetable_partitioned"),
    *("disable_bundle_versioning", "default_args", "template_searchpath"),
)
UNVERSIONED_TASK_FIELDS: Final = ("doc_md", "owner", "ui_color", "ui_fgcolor", "extra_links")
"""Texts and colours for people, and what follows from the timetable: changing them makes no new version."""


@dataclass(frozen=True, slots=True)
class StoredSpec:
    """A spec ready to be written."""

    spec: DagSpec
    text: str
    """JSON."""
    structure_digest: str


def stored_spec(spec: DagSpec) -> StoredSpec:
    """The spec as JSON, and the digest of its structure."""
    return StoredSpec(spec, msgspec.json.encode(spec).decode(), structure_digest(spec))


def load_spec(text: str | bytes) -> DagSpec:
    """The spec that this JSON text holds; fields that it lacks take their defaults."""
    return msgspec.json.decode(text, type=DagSpec, strict=False)


def structure_digest(spec: DagSpec) -> str:
    """sha256 over all fields that scheduling and execution depend on, as JSON with sorted keys.

    Fields that have their defaults are left out: a release that adds a field does not make a version of every DAG.
    """
    structure = _set_fields(spec, (*UNVERSIONED_DAG_FIELDS, "tasks"))
    structure["tasks"] = [_set_fields(task, UNVERSIONED_TASK_FIELDS) for task in spec.tasks]
    return hashlib.sha256(msgspec.json.encode(structure, order="deterministic")).hexdigest()


def _set_fields(spec: DagSpec | TaskSpec, left_out: tuple[str, ...]) -> dict[str, object]:
    defaults = _DAG_DEFAULTS if isinstance(spec, DagSpec) else _TASK_DEFAULTS
    values = {name: getattr(spec, name) for name in defaults if name not in left_out}
    return {name: value for name, value in values.items() if value != defaults[name]}


def _defaults(kind: type[DagSpec] | type[TaskSpec]) -> Mapping[str, object]:
    return {
        field.name: field.default_factory() if field.default_factory is not MISSING else field.default
        for field in fields(kind)
    }


_DAG_DEFAULTS: Final = _defaults(DagSpec)
_TASK_DEFAULTS: Final = _defaults(TaskSpec)


class SpecCache:
    """The specs of the versions used last, with their tasks by id; bounded by the number of tasks held.

    A version that has runs never changes its structure, so that what is cached stays right.
    """

    def __init__(self, max_tasks: int = 100_000) -> None:
        self._max_tasks = max_tasks
        self._held_tasks = 0
        self._specs: OrderedDict[UUID, tuple[DagSpec, Mapping[str, TaskSpec]]] = OrderedDict()

    def missing(self, dag_version_ids: Iterable[UUID]) -> list[UUID]:
        """Those of the versions that are not held, each once."""
        return [id_ for id_ in dict.fromkeys(dag_version_ids) if id_ not in self._specs]

    def put(self, dag_version_id: UUID, spec: DagSpec) -> None:
        """Hold a spec; the ones used longest ago go, down to the bound (the newest stays in any case)."""
        if dag_version_id not in self._specs:
            self._specs[dag_version_id] = (spec, {task.task_id: task for task in spec.tasks})
            self._held_tasks += len(spec.tasks)
        while self._held_tasks > self._max_tasks and len(self._specs) > 1:
            _, (gone, _) = self._specs.popitem(last=False)
            self._held_tasks -= len(gone.tasks)

    def dag_id(self, dag_version_id: UUID) -> str:
        """The DAG of a version that is held."""
        return self._specs[dag_version_id][0].dag_id

    def task(self, dag_version_id: UUID, task_id: str) -> TaskSpec:
        """The task's spec; a plain one for a task that the version does not know."""
        entry = self._specs.get(dag_version_id)
        if entry is None:
            return TaskSpec(task_id=task_id)
        self._specs.move_to_end(dag_version_id)
        return entry[1].get(task_id) or TaskSpec(task_id=task_id)
