"""Rendered fields as they are stored."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tradewind.sdk import DAG
from tradewind.sdk.masking import mask_secret
from tradewind.sdk.operators.python import PythonOperator
from tradewind.task_runner.attempt.rendered_fields import MAX_FIELD_CHARACTERS, rendered_fields


def _shown(value: object) -> Any:
    with DAG("d"):
        task = PythonOperator(task_id="t", python_callable=print, op_args=[value])
    (shown,) = json.loads(rendered_fields(task))["op_args"]
    return shown


class _Plain:
    pass


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": (1, 2.5, None, True)}, {"a": [1, 2.5, None, True]}),
        ({1: {"b", "a"}}, {"1": ["a", "b"]}),
        (math.nan, None),
        (2**70, str(2**70)),
        ("nul \0 \ud800", "nul \\x00 \\ud800"),
        (Path("/a"), "/a"),
        (print, "<callable builtins.print>"),
        (_Plain(), f"<{_Plain.__module__}._Plain object>"),
        ({"password": "x", "n": 1}, {"password": "***", "n": 1}),
    ],
)
def test_values(value: object, shown: object) -> None:
    assert _shown(value) == shown


def test_known_secrets_are_masked() -> None:
    mask_secret("hidden-value")
    assert _shown("a hidden-value b") == "a *** b"


def test_deep_values_end() -> None:
    value: list[object] = []
    value.append(value)
    assert "..." in json.dumps(_shown(value))


def test_long_field_is_cut() -> None:
    with DAG("d"):
        task = PythonOperator(task_id="t", python_callable=print, op_args=["x" * 10_000])
    shown = json.loads(rendered_fields(task))["op_args"]
    assert shown.endswith("... (truncated)")
    assert len(shown) <= MAX_FIELD_CHARACTERS + 20
