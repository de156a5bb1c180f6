"""Files of variables, connections and pools: what is exported is imported as it was."""

import json
from contextlib import suppress

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tradewind.cli.stored_files.connections import Fields, read_connections, uri_of, write_connections
from tradewind.cli.stored_files.pools import Pool, read_pools, write_pools
from tradewind.cli.stored_files.texts import FileProblem, parsed
from tradewind.cli.stored_files.variables import Variable, read_variables, write_variables

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.just("value"), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.from_regex(r"[\w.-]{1,12}", fullmatch=True)
CONNECTIONS = st.fixed_dictionaries(
    {
        "conn_type": st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(lambda kind: kind != "postgresql"),
        "description": st.none() | TEXT,
        "login": st.none() | TEXT,
        "password": st.none() | TEXT,
        "host": st.none() | TEXT,
        "port": st.none() | st.integers(1, 65535),
        "schema": st.none() | TEXT,
        "extra": st.none() | st.dictionaries(TEXT, JSON, max_size=3).map(json.dumps),
    }
)


def _is_json_container(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False


@settings(max_examples=50)
@given(st.dictionaries(TEXT, st.builds(Variable, TEXT | JSON.map(json.dumps), st.none() | TEXT.filter(bool))))
def test_variables_come_back(variables: dict[str, Variable]) -> None:
    again = read_variables(write_variables(variables), "json")

    assert again.keys() == variables.keys()
    for key, variable in variables.items():
        assert again[key].description == variable.description
        if _is_json_container(variable.value):
            assert json.loads(again[key].value) == json.loads(variable.value)
        else:
            assert again[key].value == variable.value


@given(st.dictionaries(TEXT, st.builds(Pool, st.integers(-1, 2**31 - 1), st.none() | TEXT, st.booleans())))
def test_pools_come_back(pools: dict[str, Pool]) -> None:
    assert read_pools(write_pools(pools)) == (pools, [])


@pytest.mark.parametrize("form", ["json", "yaml"])
@settings(max_examples=40)
@given(connections=st.dictionaries(KEYS, CONNECTIONS, max_size=3))
def test_connections_come_back(connections: dict[str, Fields], form: str) -> None:
    assert read_connections(write_connections(connections, form), form) == connections  # pyright: ignore[reportArgumentType] - a literal


@settings(max_examples=40)
@given(st.dictionaries(KEYS, CONNECTIONS, max_size=3))
def test_connections_come_back_from_lines_of_json(connections: dict[str, Fields]) -> None:
    assert read_connections(write_connections(connections, "env", "json"), "env") == connections


@given(CONNECTIONS)
def test_connections_come_back_from_uris(connection: Fields) -> None:
    host = connection["host"] or ""
    assume(host.lower() == host and "://" not in host)  # a URI's host has no upper case, and may bring a protocol

    again = read_connections(write_connections({"c": connection}, "env"), "env")["c"]

    for name in ("conn_type", "login", "password", "port", "schema"):
        assert (again[name] or None) == (connection[name] or None), (name, uri_of(connection))
    assert json.loads(again["extra"] or "{}") == json.loads(connection["extra"] or "{}")


@given(st.dictionaries(st.from_regex(r"[A-Za-z_]{1,8}", fullmatch=True), TEXT.filter(lambda text: bool(text.strip()))))
def test_lines_are_keys_and_values(values: dict[str, str]) -> None:
    assume(all(len(value.splitlines()) == 1 for value in values.values()))
    text = "# a comment\n\n" + "".join(f"{key}={value}\n" for key, value in values.items())

    assert parsed(text, "env") == values


@given(TEXT, st.sampled_from(["json", "yaml", "env", "yml", "toml"]))
def test_anything_is_read_or_refused(text: str, suffix: str) -> None:
    for read in (
        lambda: read_variables(text, suffix),
        lambda: read_connections(text, suffix),
        lambda: read_pools(text),
    ):
        with suppress(FileProblem):
            read()


@pytest.mark.parametrize(
    ("text", "suffix", "said"),
    [
        ("{", "json", "line 1, column 2"),
        ("[]", "json", "one object"),
        ("", "yaml", "one object"),
        ("A=1\nA=2\n", "env", "line 2: A stands in an earlier line"),
        ("A=1\nB\n", "env", "line 2: it should read KEY=value"),
        ("A=\n", "env", "line 1"),
        ("x", "ini", ".env, .json, .yaml, .yml"),
        ('{"c": {"conn_type": "x", "color": 1}}', "json", "there are no fields color"),
        ('{"c": {"host": "x"}}', "json", "conn_type is missing"),
        ('{"c": {"conn_type": "x", "conn_id": "d"}}', "json", "its conn_id is 'd'"),
        ('{"c": {"conn_type": "x", "extra": "{}", "extra_dejson": {}}}', "json", "not both"),
        ('{"c": {"conn_type": "x", "uri": "y://"}}', "json", "give its uri or conn_type"),
        ('{"c": {"conn_type": "x", "port": "web"}}', "json", "'web' is no number"),
        ("c=//host\n", "env", "begins with the connection's type"),
        ('{"c": 1}', "json", "a URI or an object"),
    ],
)
def test_what_is_wrong_is_said(text: str, suffix: str, said: str) -> None:
    with pytest.raises(FileProblem, match=said.replace(".", r"\.")):
        read_connections(text, suffix)


def test_entries_that_are_no_pools_are_named() -> None:
    text = '{"a": {"slots": 1, "description": ""}, "b": {"slots": 1}, "c": 2, "d": {"slots": true, "description": ""}}'

    assert read_pools(text) == ({"a": Pool(1, "")}, ["b", "c", "d"])


def test_airflows_files_are_read() -> None:
    pools = '{"p": {"slots": 8, "description": "d", "include_deferred": true}}'
    variables = '{"a": {"value": {"x": 1}, "description": "d"}, "b": "text", "c": [1], "d": {"y": 2}}'
    connections = "c:\n  conn_type: mysql\n  extra_dejson: {a: 1}\n  port: '33'\nd: mysql://u:p%2F@h:1/s?k=v\n"

    assert read_pools(pools) == ({"p": Pool(8, "d", include_deferred=True)}, [])
    assert read_variables(variables, "json") == {
        "a": Variable('{\n  "x": 1\n}', "d"),
        "b": Variable("text"),
        "c": Variable("[\n  1\n]"),
        "d": Variable('{\n  "y": 2\n}'),
    }
    read = read_connections(connections, "yaml")
    assert (read["c"]["extra"], read["c"]["port"]) == ('{"a": 1}', 33)
    assert (read["d"]["password"], read["d"]["schema"], read["d"]["extra"]) == ("p/", "s", '{"k": "v"}')
