"""What commands print: the same values in each format, nothing but text when nobody looks, pictures, questions."""

import json
import os
import pty
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.cli.arguments import json_object, moment
from tradewind.cli.output.pictures import Node, dot, show_graph
from tradewind.cli.output.rows import picked, show, show_one, text_of
from tradewind.cli.output.talking import agrees, with_progress

ROWS: list[dict[str, Any]] = [
    {"name": "first", "value": None, "many": ["a", "b"], "inner": {"x": 1}},
    {"name": "a [bold]second[/bold]\nline", "value": 2, "many": [], "inner": {}},
]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=6,
)
rows = st.lists(st.fixed_dictionaries({"a": values, "b": values}), max_size=4)


def printed(capsys: pytest.CaptureFixture[str], found: list[dict[str, Any]], output: str) -> str:
    capsys.readouterr()
    show(found, output)
    return capsys.readouterr().out


def test_a_table_that_is_piped(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, ROWS, "table").splitlines() == [
        "name                        | value | many | inner",
        "============================+=======+======+=========",
        'first                       |       | a, b | {"x": 1}',
        r"a [bold]second[/bold]\nline | 2     |      | {}",
    ]


def test_plain_columns_and_nothing_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, [{"a": 1, "bb": "x"}, {"a": 22, "bb": None}], "plain") == "a   bb\n1   x\n22\n"
    assert printed(capsys, [], "table") == printed(capsys, [], "plain") == "No data found\n"
    assert (printed(capsys, [], "json"), printed(capsys, [], "yaml")) == ("[]\n", "[]\n")


@settings(max_examples=30)
@given(found=rows)
def test_json_and_yaml_give_back_what_was_there(found: list[dict[str, Any]]) -> None:
    for output, read in (("json", json.loads), ("yaml", yaml.safe_load)):
        assert read(_written(found, output)) == found


def _written(found: list[dict[str, Any]], output: str) -> str:
    with redirect_stdout(StringIO()) as text:
        show(found, output)
    return text.getvalue()


def test_one_thing_is_a_line_for_each_property(capsys: pytest.CaptureFixture[str]) -> None:
    show_one({"dag_id": "d", "tags": ["x"]}, "plain")
    assert capsys.readouterr().out == "property_name  property_value\ndag_id         d\ntags           x\n"
    show_one({"dag_id": "d"}, "json")
    assert json.loads(capsys.readouterr().out) == [{"dag_id": "d"}]
    assert (picked({"a": 1, "b": 2}, ("b", "c")), text_of([None, {"k": "v"}])) == ({"b": 2, "c": None}, ', {"k": "v"}')


def test_a_terminal_gets_a_table_of_its_width_and_no_markup() -> None:
    program = "from tradewind.cli.output.rows import show; show([{'name': '[red]x[/red]', 'value': 'word ' * 30}])"
    reader, writer = pty.openpty()
    environment = {**os.environ, "COLUMNS": "60", "TERM": "xterm"}
    subprocess.run([sys.executable, "-c", program], stdout=writer, env=environment, check=True, timeout=60)
    os.close(writer)
    text = os.read(reader, 65536).decode()
    os.close(reader)
    assert "[red]x[/red]" in text
    assert max(len(line) for line in text.splitlines() if "\x1b" not in line) <= 60
    assert "\x1b[1m" in text, "the heading is bold"


def test_a_graph_is_printed_saved_or_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = dot('a "d"', [Node("x", "X"), Node("y", "Y", colour="#fff")], [("x", "y")])
    assert text.startswith('digraph "a \\"d\\"" {')
    assert '\t"x" -> "y"\n}' in text
    show_graph(text, None, imgcat=False)
    assert capsys.readouterr().out == text + "\n"
    show_graph(text, str(tmp_path / "graph.dot"), imgcat=False)
    assert (tmp_path / "graph.dot").read_text() == text
    monkeypatch.setenv("PATH", str(tmp_path))
    capsys.readouterr()
    with pytest.raises(typer.Exit):
        show_graph(text, str(tmp_path / "graph.png"), imgcat=False)
    assert "install graphviz, or save to a .dot file" in capsys.readouterr().err
    with pytest.raises(typer.BadParameter, match="exclude each other"):
        show_graph(text, "x.dot", imgcat=True)


def test_nobody_who_could_answer_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert agrees("Really?", yes=True)
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        with pytest.raises(typer.Exit) as exit_info:
            agrees("Really?", yes=False)
    assert exit_info.value.exit_code == 1
    assert "--yes" in capsys.readouterr().err


def test_progress_says_nothing_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(with_progress([1, 2, 3], "Counting")) == [1, 2, 3]
    assert capsys.readouterr() == ("", "")


def test_dates_and_objects_are_read_or_refused_by_name() -> None:
    assert moment("2024-01-31", "x").isoformat() == "2024-01-31T00:00:00+00:00"
    assert moment("2024-01-31T12:00:00+02:00", "x").isoformat() == "2024-01-31T12:00:00+02:00"
    with pytest.raises(typer.BadParameter, match="'soon' is no ISO date"):
        moment("soon", "--start-date")
    assert (json_object(None, "x"), json_object('{"a": 1}', "x")) == (None, {"a": 1})
    for wrong, said in (("{", "is no JSON"), ("[1]", "is no JSON object")):
        with pytest.raises(typer.BadParameter, match=said):
            json_object(wrong, "--conf")
