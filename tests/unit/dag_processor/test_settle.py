from collections.abc import Mapping

import msgspec

from tradewind.core.rows import DagFileParse, DagFileRow
from tradewind.core.spec import DagSpec
from tradewind.dag_processor.dependencies import ENVIRONMENT
from tradewind.dag_processor.file_index import DAG_ID_PREFIX, FileIndex
from tradewind.dag_processor.parse_protocol import DIED, PARSED, TIMED_OUT, ParseReply, ParseResult
from tradewind.dag_processor.settle import Outcome, error_line, row_of, settle


def outcome(
    name: str, *dag_ids: str, stacktrace: str | None = None, dependencies: Mapping[str, str] | None = None
) -> Outcome:
    specs = tuple(msgspec.json.encode(DagSpec(dag_id=dag_id, relative_fileloc=name)) for dag_id in dag_ids)
    result = ParseResult("digest", specs, stacktrace, dict(dependencies or {}))
    return Outcome(relative_fileloc=name, digest="digest", reply=ParseReply(1, PARSED, result), timeout_seconds=30.0)


def stopped(status: str, *, detail: str = "", output: bytes = b"") -> Outcome:
    reply = ParseReply(1, status, None, detail, output)
    return Outcome(relative_fileloc="a.py", digest="seen", reply=reply, timeout_seconds=30.0)


def dag_ids_of(parse: DagFileParse) -> list[str]:
    return [spec.dag_id for spec in parse.specs]


def test_a_good_parse_is_written_with_what_it_depends_on() -> None:
    (parse,) = settle([outcome("a.py", "one", "two", dependencies={"helper.py": "1"})], FileIndex(), "env")
    assert dag_ids_of(parse) == ["one", "two"]
    assert parse.stacktrace is None
    assert parse.file_digest == "digest"
    assert parse.dependencies == {"helper.py": "1", ENVIRONMENT: "env"}


def test_the_second_file_with_a_dag_id_gets_an_error_naming_both_and_keeps_its_other_dags() -> None:
    index = FileIndex([DagFileRow(relative_fileloc="a.py", file_digest="d", dag_ids=("one",))])
    (parse,) = settle([outcome("b.py", "one", "two")], index, "env")
    assert dag_ids_of(parse) == ["two"]
    assert parse.stacktrace is not None
    assert "a.py" in parse.stacktrace
    assert "b.py" in parse.stacktrace
    assert parse.dependencies[DAG_ID_PREFIX + "one"] == "a.py"


def test_within_a_batch_the_first_file_wins() -> None:
    first, second = settle([outcome("a.py", "one"), outcome("b.py", "one")], FileIndex(), "env")
    assert dag_ids_of(first) == ["one"]
    assert dag_ids_of(second) == []


def test_a_missing_owner_gives_way() -> None:
    index = FileIndex([DagFileRow(relative_fileloc="a.py", file_digest="d", dag_ids=("one",))])
    index.mark_missing("a.py")
    (parse,) = settle([outcome("b.py", "one")], index, "env")
    assert dag_ids_of(parse) == ["one"]
    assert parse.stacktrace is None


def test_a_timeout_names_the_limit_and_shows_the_authors_frames_only() -> None:
    import tradewind

    own = f'  File "{next(iter(tradewind.__path__))}/sdk/dag_file.py", line 1 in load'
    output = f'hello\n  File "/dags/a.py", line 3 in <module>\n  File "<frozen importlib._bootstrap>", line 9\n{own}\n'
    (parse,) = settle([stopped(TIMED_OUT, output=output.encode())], FileIndex(), "env")
    assert parse.stacktrace is not None
    assert "parsing timed out after 30 s" in parse.stacktrace
    assert '"/dags/a.py", line 3' in parse.stacktrace
    assert "frozen" not in parse.stacktrace
    assert "dag_file.py" not in parse.stacktrace


def test_a_parse_that_was_stopped_keeps_the_last_known_dependencies_and_dags() -> None:
    before = DagFileRow(
        relative_fileloc="a.py", file_digest="d", dependencies={"helper.py": "1", "//dag_id/x": "y"}, dag_ids=("one",)
    )
    (parse,) = settle([stopped(DIED, detail="its process was ended by SIGSEGV")], FileIndex([before]), "env")
    assert parse.stacktrace == "The file could not be parsed: its process was ended by SIGSEGV.\n"
    assert parse.file_digest == "seen"
    assert parse.dependencies == {"helper.py": "1", ENVIRONMENT: "env"}
    assert row_of(parse, before).dag_ids == ("one",)


def test_a_good_parse_lets_go_of_dags_that_left_the_file() -> None:
    before = DagFileRow(relative_fileloc="a.py", file_digest="d", dag_ids=("one", "two"))
    (parse,) = settle([outcome("a.py", "two")], FileIndex([before]), "env")
    assert row_of(parse, before).dag_ids == ("two",)


def test_characters_that_a_database_cannot_hold_are_written_out() -> None:
    (parse,) = settle([outcome("a.py", stacktrace="bad \0 byte")], FileIndex(), "env")
    assert parse.stacktrace == "bad \\0 byte"


def test_the_line_of_an_error_that_says_most() -> None:
    assert error_line("Traceback (most recent call last):\n  File x\nValueError: no\n") == "ValueError: no"
    assert error_line("The DAG file's parsing timed out.\nIts last output:\nx\n") == "The DAG file's parsing timed out."
