"""From the parse server's replies to what is stored: import errors worded, DAG ids given to one file only. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

import tradewind
from tradewind.core.bundles import bundle_of, prefix_of
from tradewind.core.rows import DagFileParse, DagFileRow
from tradewind.core.spec import DagSpec
from tradewind.dag_processor.dependencies import ENVIRONMENT
from tradewind.dag_processor.file_index import DAG_ID_PREFIX, FileIndex
from tradewind.dag_processor.parse_protocol import DIED, PARSED, ParseReply

_SPEC_DECODER = msgspec.json.Decoder(DagSpec)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A file and what the parse server said of it."""

    relative_fileloc: str
    digest: str
    """Of the content that was parsed."""
    reply: ParseReply
    timeout_seconds: float


def settle(outcomes: Sequence[Outcome], index: FileIndex, environment: str) -> list[DagFileParse]:
    """What to write for each outcome, in order. A DAG id belongs to the file that had it first, while that file is
    there; another file that defines it gets an import error naming both."""
    claimed: dict[str, str] = {}
    return [_settle_one(outcome, index, claimed, environment) for outcome in outcomes]


def row_of(parse: DagFileParse, before: DagFileRow | None) -> DagFileRow:
    """What is known of the file once the parse is written: beside an error, DAGs of the last good version stay."""
    dag_ids = [spec.dag_id for spec in parse.specs]
    if parse.stacktrace is not None and before is not None:
        dag_ids.extend(before.dag_ids)
    return DagFileRow(
        relative_fileloc=parse.relative_fileloc,
        file_digest=parse.file_digest,
        dependencies=parse.dependencies,
        dag_ids=tuple(sorted(dict.fromkeys(dag_ids))),
    )


def error_line(stacktrace: str) -> str:
    """The one line of an import error that says most: the exception at the end of a traceback, else the beginning."""
    lines = stacktrace.strip().splitlines()
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]


def _settle_one(outcome: Outcome, index: FileIndex, claimed: dict[str, str], environment: str) -> DagFileParse:
    name, result = outcome.relative_fileloc, outcome.reply.result
    specs: list[DagSpec] = []
    errors: list[str] = []
    dependencies: dict[str, str] = dict(result.dependencies) if result else _last_dependencies(index, name)
    dependencies[ENVIRONMENT] = environment
    if result is None:
        errors.append(stopped_text(outcome.reply, outcome.timeout_seconds))
    elif result.stacktrace is not None:
        errors.append(result.stacktrace)
    for spec in map(_SPEC_DECODER.decode, result.specs if result else ()):
        owner = index.owner_of(spec.dag_id) or claimed.get(spec.dag_id, name)
        if owner == name:
            claimed[spec.dag_id] = name
            specs.append(spec)
        else:
            dependencies[DAG_ID_PREFIX + spec.dag_id] = owner
            errors.append(duplicate_text(spec.dag_id, name, owner))
    return DagFileParse(
        relative_fileloc=name,
        file_digest=outcome.digest,
        specs=tuple(specs),
        stacktrace="\n".join(errors).replace("\0", "\\0") if errors else None,
        dependencies=dependencies,
        duration_seconds=outcome.reply.duration_seconds,
    )


def _last_dependencies(index: FileIndex, name: str) -> dict[str, str]:
    """A child that was stopped could not say what it read: what it read last time is the best guess."""
    row = index.files.get(name)
    known: Mapping[str, str] = row.dependencies if row else {}
    return {name: value for name, value in known.items() if not name.startswith(DAG_ID_PREFIX)}


def duplicate_text(dag_id: str, relative_fileloc: str, owner: str) -> str:
    """The import error of a file that defines another file's DAG."""
    theirs, this = owner, relative_fileloc
    if bundle_of(owner) != bundle_of(relative_fileloc):
        theirs, this = (
            f"{name.removeprefix(prefix_of(bundle_of(name)))} of the bundle {bundle_of(name)!r}"
            for name in (owner, relative_fileloc)
        )
    return (
        f"The DAG {dag_id!r} is defined in two files: {theirs} and {this}.\n"
        f"The one in {theirs} stays in use. Give one of them another dag_id, or remove a file.\n"
    )


def stopped_text(reply: ParseReply, timeout_seconds: float) -> str:
    """The import error of a file whose parse did not come to its end."""
    if reply.status == DIED:
        text = f"The file could not be parsed: {reply.detail}."
    else:
        assert reply.status != PARSED
        text = (
            f"The DAG file's parsing timed out after {timeout_seconds:g} s "
            "(TRADEWIND__CORE__DAGBAG_IMPORT_TIMEOUT_SECONDS)."
        )
    output = "\n".join(line for line in reply.output.decode(errors="replace").strip().splitlines() if not _is_own(line))
    return f"{text}\nIts last output, with the stack where it stood:\n{output}\n" if output else f"{text}\n"


def _is_own(line: str) -> bool:
    """Frames below the author's own in the dump of a stack, and what the dump says of the interpreter."""
    return line.startswith(
        ('  File "<frozen', "Extension modules:", *(f'  File "{path}' for path in tradewind.__path__))
    )
