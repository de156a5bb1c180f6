import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tradewind.db.specs import structure_digest
from tradewind.sdk.dags import DAG
from tradewind.sdk.serialize import serialize_dag
from tradewind.sdk.shown_values import shown


class Policy:
    pass


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, 2.5, None, True, "x"], 7: ("y",)}, {"a": [1, 2.5, None, True, "x"], "7": ["y"]}),
        (timedelta(minutes=5), "PT300S"),
        (timedelta(milliseconds=1500), "PT1.5S"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        ({"b", "a"}, ["a", "b"]),
        (float("nan"), "nan"),
        (Policy(), "Policy"),
        (Policy, "Policy"),
        ("\ud800", "?"),
    ],
)
def test_values_are_shown_as_json(value: Any, expected: Any) -> None:
    assert json.loads(json.dumps(shown(value), allow_nan=False)) == expected


def test_a_function_is_named_and_not_by_where_it_is() -> None:
    assert shown({"f": json.dumps, "g": lambda: 1}) == {
        "f": "dumps",
        "g": "test_a_function_is_named_and_not_by_where_it_is.<locals>.<lambda>",
    }


def test_default_args_change_no_version() -> None:
    def digest(**arguments: Any) -> str:
        return structure_digest(serialize_dag(DAG("d", schedule=None, **arguments), "d.py"))

    dag = DAG("d", schedule=None, default_args={"retries": 2, "owner": "ada"}, template_searchpath="/a")
    spec = serialize_dag(dag, "d.py")
    assert (spec.default_args, spec.template_searchpath) == ({"retries": 2, "owner": "ada"}, ("/a",))
    assert digest(default_args={"retries": 1}) == digest(default_args={"retries": 2}, template_searchpath=["/b"])
