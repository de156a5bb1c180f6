"""What a child writes to its log pipe."""
# ruff: noqa: T201 - printing is the point

import contextlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tradewind.sdk.masking import mask_secret
from tradewind.task_runner.attempt.child_log import task_log


@pytest.fixture
def written(tmp_path: Path) -> Callable[[Callable[[], None]], list[str]]:
    """Runs a function inside `task_log` and gives the lines that arrived."""

    def collect(action: Callable[[], None]) -> list[str]:
        path = tmp_path / "log"
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600)
        try:
            with task_log(descriptor):
                action()
        finally:
            os.close(descriptor)
        # Not `splitlines`: the record separator counts as a line's end there.
        return path.read_text().removesuffix("\n").split("\n") if path.stat().st_size else []

    return collect


Written = Callable[[Callable[[], None]], list[str]]


def _record(line: str) -> dict[str, object]:
    assert line[0] == "\x1e"
    return json.loads(line[1:])


def test_prints_are_plain_lines_and_logs_are_records(written: Written) -> None:
    def act() -> None:
        print("one")
        logging.getLogger("my.logger").warning("two %s", 2)
        print("three", file=sys.stderr)

    one, two, three = written(act)
    assert (one, three) == ("one", "three")
    record = _record(two)
    assert record.pop("timestamp")
    assert record == {"level": "warning", "event": "two 2", "logger": "my.logger"}


def test_record_begins_a_line_of_its_own(written: Written) -> None:
    def act() -> None:
        print("unfinished", end="")
        logging.getLogger("x").info("record")
        print("rest")

    unfinished, record, rest = written(act)
    assert (unfinished, _record(record)["event"], rest) == ("unfinished", "record", "rest")


def test_pieces_of_a_line_stay_together(written: Written) -> None:
    def act() -> None:
        for piece in ("a", "b", "c\nd"):
            sys.stdout.write(piece)
        sys.stdout.buffer.write(b"e\xff")
        sys.stdout.flush()

    assert written(act) == ["abc", "de\\xff"]


def test_secrets_are_masked_in_both(written: Written) -> None:
    def act() -> None:
        mask_secret('my "quoted" secret')
        print('a my "quoted" secret b')
        sys.stdout.write('split my "quo')
        sys.stdout.write('ted" secret\n')
        logging.getLogger("x").info('in a record: my "quoted" secret')
        try:
            raise ValueError('my "quoted" secret')
        except ValueError:
            logging.getLogger("x").exception("failed")

    lines = written(act)
    assert lines[:2] == ["a *** b", "split ***"]
    assert _record(lines[2])["event"] == "in a record: ***"
    assert str(_record(lines[3])["exception"]).endswith("ValueError: ***\n")


def test_what_cannot_be_encoded_is_shown_anyway(written: Written) -> None:
    def act() -> None:
        logging.getLogger("x").info("surrogate \ud800")
        print("surrogate \ud800")

    record, line = written(act)
    assert _record(record)["event"] == "surrogate \ud800"
    assert line == "surrogate \\ud800"


def test_debug_is_left_out_unless_wanted(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    def act() -> None:
        logging.getLogger("x").debug("detail")

    assert written(act) == []
    monkeypatch.setenv("AIRFLOW__LOGGING__LOGGING_LEVEL", "debug")
    assert len(written(act)) == 1


def test_everything_is_put_back(written: Written) -> None:
    root = logging.getLogger()
    before = (root.handlers, root.level, sys.stdout, sys.stderr)
    with contextlib.suppress(RuntimeError):
        written(_fail)
    assert (root.handlers, root.level, sys.stdout, sys.stderr) == before


def _fail() -> None:
    raise RuntimeError


def test_handlers_of_the_author_do_not_double_records(written: Written) -> None:
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(handler)
    try:
        assert len(written(lambda: logging.getLogger("x").info("once"))) == 1
    finally:
        logging.getLogger().removeHandler(handler)


def test_subprocesses_can_be_given_the_streams(written: Written) -> None:
    def act() -> None:
        subprocess.run(["true"], stdout=sys.stdout, stderr=sys.stderr, check=True)

    assert written(act) == []


def test_reader_that_is_gone_does_not_fail_the_task() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with task_log(writing):
        print("to nobody")
        logging.getLogger("x").info("to nobody")
    os.close(writing)


SECRET = "s3cret-pa55word"
KEY = "-----BEGIN KEY-----\nabc+/\n-----END KEY-----"


def _write_in_two() -> None:
    sys.stdout.write("it is s3cret")
    sys.stdout.flush()
    sys.stdout.write("-pa55word, yes\n")


def _write_byte_by_byte() -> None:
    for byte in f"ä {SECRET}\n".encode():
        sys.stdout.buffer.write(bytes([byte]))
        sys.stdout.buffer.flush()


def _print_lines() -> None:
    print(KEY)


def _print_lines_one_by_one() -> None:
    for line in KEY.split("\n"):
        print(line)
        sys.stdout.flush()


def _print_without_end() -> None:
    print("x" * 70_000 + "s3cret", end="")
    print("-pa55word" + "y" * 70_000, end="")


def _log_escaped() -> None:
    logging.getLogger("a").warning("%r and %s", {"x": KEY}, json.dumps([KEY]))
    logging.getLogger("a").warning("postgresql://me:abc%2B%2F@host")


def _log_as_key() -> None:
    from tradewind.sdk.log import FIELDS_ATTRIBUTE

    fields = {"values": {SECRET: 1}, SECRET: 2}
    logging.getLogger("a").warning("see", extra={FIELDS_ATTRIBUTE: fields})


def _raise() -> None:
    try:
        try:
            raise ValueError(SECRET)
        except ValueError as exc:
            exc.add_note(f"with {SECRET}")
            raise RuntimeError(f"from {SECRET}") from exc
    except RuntimeError:
        logging.getLogger("a").exception("failed with %s", SECRET)


@pytest.mark.parametrize(
    "act",
    [
        _write_in_two,
        _write_byte_by_byte,
        _print_lines,
        _print_lines_one_by_one,
        _print_without_end,
        _log_escaped,
        _log_as_key,
        _raise,
    ],
)
def test_a_secret_is_masked_however_it_is_written(written: Written, act: Callable[[], None]) -> None:
    for secret in (SECRET, KEY, "abc+/"):
        mask_secret(secret)

    text = "\n".join(written(act))

    assert "***" in text
    for part in ("s3cret", "pa55word", "abc+/", "abc%2B", "BEGIN KEY", "END KEY"):
        assert part not in text


def test_what_only_looks_like_a_secret_arrives(written: Written) -> None:
    mask_secret(SECRET)

    def act() -> None:
        sys.stdout.write("it is s3cre")
        sys.stdout.flush()
        sys.stdout.write("t no more\nand a last s3cret")

    assert written(act) == ["it is s3cret no more", "and a last s3cret"]


def test_what_is_no_utf_8_is_shown(written: Written) -> None:
    def act() -> None:
        sys.stdout.buffer.write(b"\xff\x00\xc3")
        sys.stdout.buffer.write(b"\xa4\n\xe2\x82")

    assert written(act) == ["\\xff\x00ä", "\\xe2\\x82"]


def test_exceptions_are_told_as_airflow_does(written: Written) -> None:
    def act() -> None:
        try:
            raise ExceptionGroup("both", [ValueError("one"), SyntaxError("two")])
        except ExceptionGroup as exc:
            try:
                raise KeyError("outer") from exc
            except KeyError:
                logging.getLogger("a").exception("failed")

    [line] = written(act)
    outer, group = cast("list[dict[str, Any]]", _record(line)["error_detail"])
    assert (outer["exc_type"], outer["exc_value"], outer["is_cause"]) == ("KeyError", "'outer'", False)
    assert [frame["name"] for frame in outer["frames"]] == ["act"]
    assert (group["exc_type"], group["is_cause"], group["is_group"]) == ("ExceptionGroup", True, True)
    assert [chain[0]["exc_value"] for chain in group["exceptions"]] == ["one", "two"]
    assert sorted(outer) == sorted(
        ["exc_type", "exc_value", "exc_notes", "syntax_error", "is_cause", "frames", "is_group", "exceptions"]
    )
