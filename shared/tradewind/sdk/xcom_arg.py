"""References to values that other tasks will push."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from tradewind.sdk.exceptions import XComNotFound
from tradewind.sdk.node import DAGNode, DependencyMixin
from tradewind.sdk.types import NOTSET, is_collection, is_mapping

if TYPE_CHECKING:
    from tradewind.sdk.context import Context
    from tradewind.sdk.edges import EdgeModifier
    from tradewind.sdk.operator import BaseOperator

XCOM_RETURN_KEY: Final = "return_value"
MAX_DEPTH: Final = 100
"""Nesting beyond which a value is taken to contain itself."""


class XComArg(DependencyMixin):
    """What `operator` pushes under `key`; by default what it returns.

    Given to another task, in a templated field or as an argument, it makes that task run after `operator` and is
    replaced by the value. As text it is a template that pulls the value.
    """

    def __init__(self, operator: "BaseOperator", key: str = XCOM_RETURN_KEY) -> None:
        self.operator = operator
        self.key = key

    def __getitem__(self, item: str) -> "XComArg":
        if not isinstance(item, str):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
            raise ValueError(f"XComArg only supports str lookup, received {type(item).__name__}")
        return XComArg(self.operator, item)

    def __iter__(self) -> Iterator[Any]:
        # Without this, Python would call __getitem__ with 0, 1, 2, … for ever.
        raise TypeError("'XComArg' object is not iterable")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, XComArg) and self.operator is other.operator and self.key == other.key

    def __hash__(self) -> int:
        return hash((id(self.operator), self.key))

    def __repr__(self) -> str:
        return (
            f"XComArg({self.operator!r})"
            if self.key == XCOM_RETURN_KEY
            else f"XComArg({self.operator!r}, {self.key!r})"
        )

    def __str__(self) -> str:
        pull = f"task_ids='{self.operator.task_id}', dag_id='{self.operator.dag_id}', key='{self.key}'"
        return f"{{{{ task_instance.xcom_pull({pull}) }}}}"

    @property
    def roots(self) -> list[DAGNode]:
        """The operator."""
        return [self.operator]

    @property
    def leaves(self) -> list[DAGNode]:
        """The operator."""
        return [self.operator]

    def set_upstream(
        self, other: DependencyMixin | Sequence[DependencyMixin], edge_modifier: "EdgeModifier | None" = None
    ) -> None:
        """The operator runs after `other`."""
        self.operator.set_upstream(other, edge_modifier)

    def set_downstream(
        self, other: DependencyMixin | Sequence[DependencyMixin], edge_modifier: "EdgeModifier | None" = None
    ) -> None:
        """The operator runs before `other`."""
        self.operator.set_downstream(other, edge_modifier)

    def iter_references(self) -> "Iterator[tuple[BaseOperator, str]]":
        """The task and key that this refers to."""
        yield self.operator, self.key

    def resolve(self, context: "Context") -> Any:
        """The value in this run. A missing return value, or output of a task with `multiple_outputs`, is None; any
        other missing key raises XComNotFound."""
        task_id = self.operator.task_id
        ti: Any = context.get("ti")
        value = ti.xcom_pull(task_ids=task_id, key=self.key, default=NOTSET)
        if value is not NOTSET:
            return value
        if self.key == XCOM_RETURN_KEY or self.operator.multiple_outputs:
            return None
        raise XComNotFound(self.operator.dag_id, task_id, self.key)

    @staticmethod
    def apply_upstream_relationship(operator: "BaseOperator", value: Any) -> None:
        """Make `operator` run after every task that `value` refers to."""
        apply_upstream_relationship(operator, value)


def iter_xcom_references(value: Any, depth: int = 0) -> "Iterator[tuple[BaseOperator, str]]":
    """References anywhere in a value: in collections, and in operators given as values."""
    if isinstance(value, XComArg):
        yield value.operator, value.key
        return
    inner: Iterable[Any] = ()
    if depth > MAX_DEPTH or isinstance(value, str):
        return
    if is_mapping(value):
        inner = value.values()
    elif is_collection(value):
        inner = value
    elif isinstance(value, DAGNode):
        inner = (getattr(value, field, None) for field in getattr(value, "template_fields", ()))
    for element in inner:
        yield from iter_xcom_references(element, depth + 1)


def apply_upstream_relationship(operator: "BaseOperator", value: Any) -> None:
    """Make `operator` run after every task that `value` refers to."""
    for upstream, _ in iter_xcom_references(value):
        operator.set_upstream(upstream)
