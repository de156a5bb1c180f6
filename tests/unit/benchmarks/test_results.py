import ast

import pytest

from benchmarks import dag_files
from benchmarks.results import Figure, Goal, exponent, percentile, table


def test_goals_are_missed_above_one() -> None:
    assert Goal(10.0).ratio(5.0) == 0.5
    assert Goal(450.0, at_least=True).ratio(225.0) == 2.0


def test_exponents_tell_linear_from_quadratic() -> None:
    assert exponent([100, 200, 400], [1.0, 2.0, 4.0]) == pytest.approx(1.0)
    assert exponent([100, 200, 400], [1.0, 4.0, 16.0]) == pytest.approx(2.0)


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.0
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.95) == 4.0
    assert percentile([7.0], 0.95) == 7.0


def test_the_table_marks_missed_goals() -> None:
    lines = table(
        [
            Figure(workload="met", system="s", value=5.0, unit="ms", goal=Goal(10.0)),
            Figure(workload="missed", system="s", value=20.0, unit="ms", goal=Goal(10.0)),
        ]
    ).splitlines()
    assert "MISSED" not in lines[2]
    assert lines[3].endswith("2.00 MISSED")


@pytest.mark.parametrize(
    "text",
    [
        dag_files.chain("a", 3),
        dag_files.fan_out("a", 3),
        dag_files.fib_chain("a", 3, 10),
        dag_files.waiting("a", "closed", 3),
        dag_files.small("a"),
        dag_files.sleeping("a", 3, 0.5),
        dag_files.coroutines("a", 3, 1.0),
        dag_files.mapped("a", 3),
    ],
)
def test_dag_files_are_python(text: str) -> None:
    assert ast.parse(text).body
