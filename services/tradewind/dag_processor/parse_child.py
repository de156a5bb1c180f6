"""What one parse child does: import one DAG file, and say which DAGs it defines or why it cannot be imported."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from tradewind.core.errors import DomainError
from tradewind.core.spec import DagSpec
from tradewind.dag_processor.dependencies import DependencyRecorder
from tradewind.dag_processor.fingerprints import file_fingerprint
from tradewind.dag_processor.parse_protocol import ParseRequest, ParseResult
from tradewind.dag_processor.stored_reader import reading_stored_values
from tradewind.sdk.dag_file import import_timeout_of, load_dag_file, user_traceback
from tradewind.sdk.dags import DAG
from tradewind.sdk.executors import check_executors
from tradewind.sdk.listeners import LISTENERS
from tradewind.sdk.masking import MASKER
from tradewind.sdk.serialize import serialize_dag


def parse_file(
    request: ParseRequest, installed: Sequence[str], allow: Callable[[float], object] | None = None
) -> ParseResult:
    """Import the file in this process, which must be thrown away afterwards. Whatever the file raises, `SystemExit`
    included, becomes the stacktrace of an import error. `installed`: see `installed_folders`. `allow` is told how many
    seconds a policy lets the file take, if one says so."""
    path, root = Path(request.path), Path(request.root)
    digest = file_fingerprint(path)
    specs: dict[str, DagSpec] = {}
    recording = DependencyRecorder(root, request.prefix, path, installed)
    with recording as recorder, reading_stored_values(request) as reader:
        try:
            seconds = import_timeout_of(path, root)
            if allow is not None and seconds is not None:
                allow(seconds)
            loaded = load_dag_file(path, root)
            errors = [*loaded.refused.values(), *_serialize(loaded.dags.values(), request.relative_fileloc, specs)]
        except BaseException as exc:
            errors = [_import_error_text(exc)]
            for module in _missing_modules(exc):
                recorder.add_missing_module(module)
        stacktrace = MASKER.redact("\n".join(errors)) or None
        if stacktrace is not None:
            _tell_listeners(stacktrace, request)
    return ParseResult(
        file_digest=digest,
        specs=tuple(msgspec.json.encode(spec) for spec in specs.values()),
        stacktrace=stacktrace,
        dependencies={**recorder.found, **reader.found},
    )


def _serialize(dags: Iterable[DAG], relative_fileloc: str, specs: dict[str, DagSpec]) -> list[str]:
    """One wrong DAG does not take the file's others with it."""
    errors: list[str] = []
    for dag in dags:
        try:
            spec = serialize_dag(dag, relative_fileloc)
            check_executors(spec)
            specs[dag.dag_id] = spec
        except Exception as exc:
            errors.append(_import_error_text(exc))
    return errors


def _tell_listeners(stacktrace: str, request: ParseRequest) -> None:
    """Of an import error, before it is stored."""
    event = "on_existing_dag_import_error" if request.was_broken else "on_new_dag_import_error"
    LISTENERS.notify(event, filename=request.path, stacktrace=stacktrace)


def _import_error_text(exc: BaseException) -> str:
    """What the author reads: our own errors say all that there is to say, others come with the author's frames."""
    return str(exc) if isinstance(exc, DomainError) else user_traceback(exc)


def _missing_modules(exc: BaseException) -> Iterable[str]:
    seen: BaseException | None = exc
    while seen is not None:
        if isinstance(seen, ModuleNotFoundError) and seen.name:
            yield seen.name
        seen = seen.__cause__ or seen.__context__
