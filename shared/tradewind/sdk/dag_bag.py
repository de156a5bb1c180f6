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
from tradewind.sdk.serialize import serialize_dag
from tradewind.sdk.types import NOTSET
from tradewind.service.dag_files import iterate_dag_files


class FileLoadStat(NamedTuple):
    """What came of loading one file."""

    file: str
    duration: timedelta
    dag_num: int
    task_num: int
    dags: str
    warning_num: int


class DagBag:
    """Airflow's DagBag: `dags` by id, `import_errors` by file.

    `dag_folder` is a folder, searched as the DAG processor does it (`.airflowignore`, safe mode), or one file; without
    it the folder of `[core] dags_folder`. A DAG that cannot be scheduled (a cycle, an unknown rule) is an import error
    of its file; the others go on.
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
        self.bundle_path, self.bundle_name = bundle_path, bundle_name
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
            found = self.process_file(file, only_if_updated)
            stats.append(_stat(file, place, datetime.now(UTC) - began, found, self.captured_warnings))
        self.dagbag_stats = sorted(stats, key=lambda stat: stat.duration, reverse=True)

    def process_file(self, filepath: str | Path, only_if_updated: bool = True, safe_mode: bool = True) -> list[DAG]:
        """Load one file; its DAGs, without those that cannot be scheduled."""
        path, name = Path(filepath), str(filepath)
        if not path.is_file():
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
        serialize_dag(dag, self._shown(Path(dag.fileloc)))
        known = self.dags.get(dag.dag_id)
        if known is not None and known.fileloc != dag.fileloc:
            raise AirflowDagDuplicatedIdException(
                f"Ignoring DAG {dag.dag_id} from {dag.fileloc} - also found in {known.fileloc}"
            )
        self.dags[dag.dag_id] = dag

    def dagbag_report(self) -> str:
        """What was loaded, one line a file, the slowest first."""
        lines = [
            f"{s.file}: {s.duration.total_seconds():.3f} s, {s.dag_num} DAGs, {s.task_num} tasks"
            for s in self.dagbag_stats
        ]
        return "\n".join([f"{self.size()} DAGs in {self.dag_folder}", *lines])

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


def _stat(
    file: Path, folder: Path, duration: timedelta, found: list[DAG], warned: dict[str, tuple[str, ...]]
) -> FileLoadStat:
    shown = file.relative_to(folder).as_posix() if folder.is_dir() else file.name
    tasks = sum(len(dag.task_dict) for dag in found)
    return FileLoadStat(
        shown, duration, len(found), tasks, str([dag.dag_id for dag in found]), len(warned.get(str(file), ()))
    )
