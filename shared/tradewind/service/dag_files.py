"""Which files of a DAGs folder are DAG files: temporary files of editors, `.airflowignore`, the safe-mode words."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Final, Literal
from zipfile import BadZipFile, ZipFile

IGNORE_FILE: Final = ".airflowignore"

ARCHIVE_SUFFIX: Final = ".zip"
SKIPPED_NAMES: Final = ("__pycache__",)

Syntax = Literal["glob", "regexp"]
Matcher = Callable[[PurePosixPath, bool], bool | None]
"""(path inside the root, is it a folder) → ignored, taken back in, or None: says nothing about it."""

_COMMENT: Final = re.compile(r"\s*#.*")
_SYSTEM_WORDS: Final = (b"airflow", b"tradewind")
_DAG_WORDS: Final = (b"dag", b"asset")
_TEMPORARY_PREFIXES: Final = ("#", "flycheck_")


def is_visible(name: str) -> bool:
    """Whether files or folders of this name are looked at at all."""
    return not name.startswith(".") and name not in SKIPPED_NAMES


def is_dag_file_name(name: str) -> bool:
    """A visible Python file, or ZIP archive of such, that no editor keeps for itself."""
    return name.endswith((".py", ARCHIVE_SUFFIX)) and is_visible(name) and not name.startswith(_TEMPORARY_PREFIXES)


def may_hold_dags(name: str, content: bytes) -> bool:
    """Airflow's safe mode for a file of this name: of an archive, whether one of the modules at its top may contain a
    DAG. One that cannot be read may, so that somebody is told."""
    if not name.endswith(ARCHIVE_SUFFIX):
        return may_contain_dag(content)
    try:
        with ZipFile(BytesIO(content)) as archive:
            return any(may_contain_dag(archive.read(module)) for module in modules_at_top(archive))
    except (BadZipFile, RuntimeError, NotImplementedError):
        return True


def modules_at_top(archive: ZipFile) -> list[str]:
    """The Python files of an archive that are DAG files: those that lie in no folder, in the archive's order."""
    return [name for name in archive.namelist() if "/" not in name and name.endswith(".py") and is_visible(name)]


def may_contain_dag(content: bytes) -> bool:
    """Airflow's safe mode: both a word for the system and a word for DAGs appear, in any case."""
    text = content.lower()
    return any(word in text for word in _SYSTEM_WORDS) and any(word in text for word in _DAG_WORDS)


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The `.airflowignore` files from the root down to one folder, outermost first: later ones overrule earlier."""

    syntax: Syntax
    matchers: tuple[Matcher, ...] = ()

    def within(self, folder: Path, inside_root: PurePosixPath) -> "IgnoreRules":
        """These rules and those of the folder's own ignore file, if it has one."""
        try:
            text = (folder / IGNORE_FILE).read_text()
        except (FileNotFoundError, NotADirectoryError):
            return self
        except (OSError, UnicodeDecodeError) as exc:
            _warn("ignore_file.unreadable", path=str(folder / IGNORE_FILE), error=str(exc))
            return self
        lines = [line for line in (_COMMENT.sub("", line).strip() for line in text.splitlines()) if line]
        make = _glob_matcher if self.syntax == "glob" else _regexp_matcher
        matcher = make(lines, folder / IGNORE_FILE, inside_root)
        return IgnoreRules(self.syntax, (*self.matchers, matcher))

    def ignore(self, inside_root: PurePosixPath, *, is_folder: bool) -> bool:
        """Whether a file or folder is left out."""
        verdict = False
        for matcher in self.matchers:
            said = matcher(inside_root, is_folder)
            verdict = verdict if said is None else said
        return verdict


def _glob_matcher(lines: Sequence[str], ignore_file: Path, folder: PurePosixPath) -> Matcher:
    # Here, not above: processes that tasks are forked from load this module, and hardly one of them meets such a file.
    from pathspec import GitIgnoreSpec

    def is_glob(line: str) -> bool:
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError as exc:
            _warn("ignore_rule.invalid", path=str(ignore_file), rule=line, error=str(exc))
            return False
        return True

    spec = GitIgnoreSpec.from_lines(line for line in lines if is_glob(line))

    def match(path: PurePosixPath, is_folder: bool) -> bool | None:
        inside = path.relative_to(folder).as_posix()
        return spec.check_file(f"{inside}/" if is_folder else inside).include

    return match


def _regexp_matcher(lines: Sequence[str], ignore_file: Path, _folder: PurePosixPath) -> Matcher:
    patterns: list[re.Pattern[str]] = []
    for line in lines:
        try:
            patterns.append(re.compile(line))
        except re.error as exc:
            _warn("ignore_rule.invalid", path=str(ignore_file), rule=line, error=str(exc))

    def match(path: PurePosixPath, _is_folder: bool) -> bool | None:
        return True if any(pattern.search(path.as_posix()) for pattern in patterns) else None

    return match


def iterate_dag_files(folder: Path, *, syntax: Syntax = "glob", safe_mode: bool = True) -> Iterator[Path]:
    """The DAG files under a folder, in the order of their names; symbolic links are followed, except round in
    circles. What cannot be read is reported and left out."""
    yield from _walk(folder, PurePosixPath(), IgnoreRules(syntax), safe_mode, ())


def _walk(
    folder: Path, inside: PurePosixPath, rules: IgnoreRules, safe_mode: bool, above: tuple[Path, ...]
) -> Iterator[Path]:
    try:
        real, entries = folder.resolve(), sorted(folder.iterdir())
    except OSError as exc:
        _warn("dags_folder.unreadable", path=str(folder), error=str(exc))
        return
    if real in above:
        return
    rules = rules.within(folder, inside)
    for entry in entries:
        path, is_folder = inside / entry.name, entry.is_dir()
        if not is_visible(entry.name) or rules.ignore(path, is_folder=is_folder):
            continue
        if is_folder:
            yield from _walk(entry, path, rules, safe_mode, (*above, real))
        elif is_dag_file_name(entry.name) and entry.is_file() and (not safe_mode or _may_hold_dag(entry)):
            yield entry


def _may_hold_dag(path: Path) -> bool:
    try:
        return may_hold_dags(path.name, path.read_bytes())
    except OSError as exc:
        _warn("dag_file.unreadable", path=str(path), error=str(exc))
        return False


def _warn(event: str, **values: str) -> None:
    # Here, not above: see where globs are read.
    from tradewind.service.logging import get_logger

    get_logger().warning(event, **values)
