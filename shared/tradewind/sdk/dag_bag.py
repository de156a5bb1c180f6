"""`DagBag`: the DAGs of a folder or file, loaded into this process, for authors' own tests."""

import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from tradewind.core.errors import DomainError
from tradewind.sdk.configuration import conf
from tradewind.sdk.dag_file import load_dag_file, user_traceback
from tradewind.sdk.dags import DAG
from tradewind.sdk.exceptions import AirflowDagDuplicatedIdException
from tradewind.sdk.executors import check_executors
from tradewind.sdk.serialize import serialize_dag
from tradewind.sdk.types import NOTSET
from tradewind.service.dag_files import iterate_dag_files, may_hold_dags


class FileLoadStat(NamedTuple):
    """What came of loading one file."""

    file: str
    duration: timedelta
    dag_num: int
    task_num: int
    dags: str
    warning_num: int
    bundle_path: Path | None = None
    bundle_name: str | None = None


class DagWarning(NamedTuple):
    """Something about a DAG that does not keep it from running."""

    dag_id: str
    warning_type: str
    message: str


class DagBag:
    """Airflow's DagBag: `dags` by id, `import_errors` by file.

    `dag_folder` is a folder, searched as the DAG processor does it (`.airflowignore`, safe mode), or one file; without
    it the folder of `[core] dags_folder`. A DAG that cannot be scheduled (a cycle, an unknown rule) is an import error
    of its file; the others go on. With `known_pools`, `dag_warnings` names DAGs whose tasks want other ones.
    """

    def __init__(
        self,
        dag_folder: str | Path | None = None,
        include_examples: Any = NOTSET,
        safe_mode: Any = NOTSET,
        load_op_links: bool = True,
        collect_dags: bool = True,
        known_pools: set[str] | None = None,
        bundle_path: Path | None = None,
        bundle_name: str | None = None,
    ) -> None:
        self.dag_folder = str(dag_folder or conf.get("core", "dags_folder"))
        self.bundle_path, self.bundle_name, self.known_pools = bundle_path, bundle_name, known_pools
        self.dags: dict[str, DAG] = {}
        self.import_errors: dict[str, str] = {}
        self.captured_warnings: dict[str, tuple[str, ...]] = {}
        self.file_last_changed: dict[str, datetime] = {}
        self.dagbag_stats: list[FileLoadStat] = []
        self._safe_mode = (
            conf.getboolean("core", "dag_discovery_safe_mode", fallback=True)
            if safe_mode is NOTSET
            else bool(safe_mode)
        )
        if collect_dags:
            self.collect_dags()

    @property
    def dag_ids(self) -> list[str]:
        """The ids of all DAGs."""
        return list(self.dags)

    @property
    def dag_warnings(self) -> set[DagWarning]:
        """Pools that tasks want and that are not known; empty if none were given as known."""
        if self.known_pools is None:
            return set()
        wanted = {dag.dag_id: {task.pool for task in dag.tasks} - self.known_pools for dag in self.dags.values()}
        return {
            DagWarning(dag_id, "non-existent pool", f"Dag '{dag_id}' references non-existent pools: {sorted(pools)!r}")
            for dag_id, pools in wanted.items()
            if pools
        }

    def size(self) -> int:
        """How many DAGs there are."""
        return len(self.dags)

    def get_dag(self, dag_id: str, session: object = None) -> DAG | None:
        """The DAG of this id; None if there is none."""
        return self.dags.get(dag_id)

    def collect_dags(
        self, dag_folder: str | Path | None = None, only_if_updated: bool = True, safe_mode: bool | None = None
    ) -> None:
        """Load the files of a folder, or one file. Those that have not changed since are passed over, if wanted so."""
        place = Path(dag_folder or self.dag_folder)
        safe = self._safe_mode if safe_mode is None else safe_mode
        files = [place] if place.is_file() else list(iterate_dag_files(place, syntax=_syntax(), safe_mode=safe))
        stats: list[FileLoadStat] = []
        for file in files:
            began = datetime.now(UTC)
            found = self.process_file(file, only_if_updated, safe)
            stats.append(self._stat(file, place, datetime.now(UTC) - began, found))
        self.dagbag_stats = sorted(stats, key=lambda stat: stat.duration, reverse=True)

    def process_file(self, filepath: str | Path, only_if_updated: bool = True, safe_mode: bool = True) -> list[DAG]:
        """Load one file; its DAGs, without those that cannot be scheduled. In safe mode, none of a file whose text does
        not speak of DAGs."""
        path, name = Path(filepath), str(filepath)
        if not path.is_file() or (safe_mode and not may_hold_dags(path.name, path.read_bytes())):
            return []
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        if only_if_updated and self.file_last_changed.get(name) == changed:
            return []
        self.file_last_changed[name] = changed
        self.import_errors.pop(self._shown(path), None)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            errors, bagged = self._load(path)
        self.captured_warnings[name] = tuple(
            f"{w.filename}:{w.lineno}: {w.category.__name__}: {w.message}" for w in caught
        )
        if errors:
            self.import_errors[self._shown(path)] = "\n".join(errors)
        return bagged

    def _load(self, path: Path) -> tuple[list[str], list[DAG]]:
        try:
            loaded = load_dag_file(path, self._root_of(path))
        except DomainError as exc:
            return [str(exc)], []
        errors = list(loaded.refused.values())
        bagged: list[DAG] = []
        for dag in loaded.dags.values():
            try:
                self.bag_dag(dag)
                bagged.append(dag)
            except DomainError as exc:
                errors.append(str(exc))
            except Exception as exc:
                errors.append(user_traceback(exc))
        return errors, bagged

    def bag_dag(self, dag: DAG) -> None:
        """Take a DAG in. Raises DagSpecError for one that cannot be scheduled, AirflowDagDuplicatedIdException for one
        whose id a DAG of another file has."""
        check_executors(serialize_dag(dag, self._shown(Path(dag.fileloc))))
        known = self.dags.get(dag.dag_id)
        if known is not None and known.fileloc != dag.fileloc:
            raise AirflowDagDuplicatedIdException(dag.dag_id, dag.fileloc, known.fileloc)
        dag.resolve_template_files()
        self.dags[dag.dag_id] = dag

    def dagbag_report(self) -> str:
        """What was loaded, one line a file, the slowest first."""
        lines = [
            f"{s.file}: {s.duration.total_seconds():.3f} s, {s.dag_num} DAGs, {s.task_num} tasks"
            for s in self.dagbag_stats
        ]
        return "\n".join([f"{self.size()} DAGs in {self.dag_folder}", *lines])

    def _stat(self, file: Path, folder: Path, duration: timedelta, found: list[DAG]) -> FileLoadStat:
        return FileLoadStat(
            file=file.relative_to(folder).as_posix() if folder.is_dir() else file.name,
            duration=duration,
            dag_num=len(found),
            task_num=sum(len(dag.task_dict) for dag in found),
            dags=str([dag.dag_id for dag in found]),
            warning_num=len(self.captured_warnings.get(str(file), ())),
            bundle_path=self.bundle_path,
            bundle_name=self.bundle_name,
        )

    def _root_of(self, path: Path) -> Path:
        """The folder that imports of the file are resolved from."""
        if self.bundle_path is not None:
            return Path(self.bundle_path)
        folder = Path(self.dag_folder)
        return folder if folder.is_dir() and path.is_relative_to(folder) else path.parent

    def _shown(self, path: Path) -> str:
        if self.bundle_path is not None and path.is_relative_to(self.bundle_path):
            return path.relative_to(self.bundle_path).as_posix()
        return str(path)


def _syntax() -> Any:
    return conf.get("core", "dag_ignore_file_syntax", fallback="glob")
