"""`chain` and `cross_downstream` make exactly the edges that their definition says."""

from hypothesis import given
from hypothesis import strategies as st

from tradewind.sdk import DAG, chain, cross_downstream
from tradewind.sdk.operators.empty import EmptyOperator

_SHAPES = st.lists(st.one_of(st.none(), st.integers(1, 4)), min_size=1, max_size=6)
"""None: a task by itself; a number: a list of so many."""


def _edges(dag: DAG) -> set[tuple[str, str]]:
    return {(task.task_id, other) for task in dag.tasks for other in task.downstream_task_ids}


@given(_SHAPES)
def test_chain(shapes: list[int | None]) -> None:
    lengths = [shape for shape in shapes if shape is not None]
    shapes = [None if shape is None else lengths[0] for shape in shapes]
    with DAG("d") as dag:
        groups = [
            [EmptyOperator(task_id=f"t{place}_{number}") for number in range(1 if shape is None else shape)]
            for place, shape in enumerate(shapes)
        ]
    arguments = [group[0] if shape is None else group for shape, group in zip(shapes, groups, strict=True)]
    chain(*arguments)
    expected: set[tuple[str, str]] = set()
    for place in range(len(groups) - 1):
        both_are_lists = shapes[place] is not None and shapes[place + 1] is not None
        for one, left in enumerate(groups[place]):
            for other, right in enumerate(groups[place + 1]):
                if not both_are_lists or one == other:
                    expected.add((left.task_id, right.task_id))
    assert _edges(dag) == expected


@given(st.integers(1, 5), st.integers(1, 5))
def test_cross_downstream(left: int, right: int) -> None:
    with DAG("d") as dag:
        sources = [EmptyOperator(task_id=f"a{number}") for number in range(left)]
        targets = [EmptyOperator(task_id=f"b{number}") for number in range(right)]
    cross_downstream(sources, targets)
    assert _edges(dag) == {(f"a{one}", f"b{other}") for one in range(left) for other in range(right)}
    for task in targets:
        assert task.upstream_task_ids == {source.task_id for source in sources}
