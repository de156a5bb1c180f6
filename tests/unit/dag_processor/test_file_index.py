from collections.abc import Mapping

from tradewind.core.rows import DagFileRow
from tradewind.dag_processor.file_index import CONNECTION_PREFIX, DAG_ID_PREFIX, UNREAD, VARIABLE_PREFIX, FileIndex
from tradewind.dag_processor.fingerprints import ABSENT


def row(name: str, *dag_ids: str, digest: str = "d", dependencies: Mapping[str, str] | None = None) -> DagFileRow:
    return DagFileRow(relative_fileloc=name, file_digest=digest, dependencies=dependencies or {}, dag_ids=dag_ids)


def test_dependents_follow_the_latest_parse() -> None:
    index = FileIndex([row("a.py", dependencies={"helper.py": "1"}), row("b.py", dependencies={"helper.py": "1"})])
    assert index.dependents_of("helper.py") == ("a.py", "b.py")
    index.record(row("a.py", dependencies={"other.py": "1"}))
    assert index.dependents_of("helper.py") == ("b.py",)
    assert index.dependents_of("other.py") == ("a.py",)
    index.remove("b.py")
    assert index.dependents_of("helper.py") == ()


def test_a_dag_belongs_to_its_file_until_the_file_lets_go() -> None:
    index = FileIndex([row("a.py", "etl")])
    assert index.owner_of("etl") == "a.py"
    index.record(row("b.py", dependencies={DAG_ID_PREFIX + "etl": "a.py"}))
    assert index.is_settled("b.py")
    assert index.record(row("a.py", "other")) == ("b.py",)
    assert index.owner_of("etl") is None
    assert not index.is_settled("b.py")


def test_a_missing_file_owns_nothing_until_it_is_back() -> None:
    index = FileIndex([row("a.py", "etl"), row("b.py", dependencies={DAG_ID_PREFIX + "etl": "a.py"})])
    assert index.mark_missing("a.py") == ("b.py",)
    assert index.owner_of("etl") is None
    index.mark_present("a.py")
    assert index.owner_of("etl") == "a.py"


def test_who_takes_over_a_missing_files_dag_keeps_it() -> None:
    index = FileIndex([row("a.py", "etl")])
    index.mark_missing("a.py")
    index.record(row("b.py", "etl"))
    index.remove("a.py")
    assert index.owner_of("etl") == "b.py"


def test_a_snapshot_does_not_change() -> None:
    index = FileIndex([row("a.py")])
    snapshot = index.snapshot()
    index.remove("a.py")
    assert list(snapshot) == ["a.py"]
    assert list(index.files) == []


def test_who_read_what_is_not_stored_any_more_is_outdated() -> None:
    same, gone, unread = VARIABLE_PREFIX + "same", VARIABLE_PREFIX + "gone", CONNECTION_PREFIX + "c"
    index = FileIndex(
        [
            row("same.py", dependencies={same: "1"}),
            row("gone.py", dependencies={same: "1", gone: "1"}),
            row("absent.py", dependencies={VARIABLE_PREFIX + "none": ABSENT}),
            row("unread.py", dependencies={unread: UNREAD}),
        ]
    )
    assert index.stored_names() == (["same", "gone", "none"], ["c"])
    assert index.outdated({same: "1", unread: "1"}, ask_again=False) == ["gone.py"]
    assert index.outdated({same: "2"}, ask_again=True) == ["same.py", "gone.py", "unread.py"]
