"""References to values that other tasks will push."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from tradewind.sdk.exceptions import XComNotFound
from tradewind.sdk.node import DAGNode, DependencyMixin
from tradewind.sdk.types import NOTSET, ArgNotSet, is_collection, is_mapping

if TYPE_CHECKING:
    from tradewind.sdk.context import Context
    from tradewind.sdk.edges import EdgeModifier
    from tradewind.sdk.operator import BaseOperator
    from tradewind.sdk.setup_teardown import Scopes

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
        """The value in this run; of a mapped task, a sequence that is read as it is used; of a task in a mapped group,
        that of the same index inside of the group, else a list of those of all indexes (of a single one its value, as
        in Airflow). A missing return value, or output of a task with `multiple_outputs`, is None; any other missing key
        raises XComNotFound."""
        task_id = self.operator.task_id
        ti: Any = context.get("ti")
        if self.operator.is_mapped:
            # Imported here: few references are to mapped tasks.
            from tradewind.sdk.lazy_sequence import LazyXComSequence

            return LazyXComSequence[Any](self, ti)
        value = ti.xcom_pull(task_ids=task_id, key=self.key, default=NOTSET, map_indexes=self._places(ti))
        if value is not NOTSET:
            return value
        if self.key == XCOM_RETURN_KEY or self.operator.multiple_outputs:
            return None
        raise XComNotFound(self.operator.dag_id, task_id, self.key)

    def _places(self, ti: Any) -> int | ArgNotSet | None:
        """The map index to take the value from: None for a task that has none, NOTSET for all of them."""
        group = self.operator.task_group
        while group is not None and not group.is_mapped:
            group = group.parent_group
        if group is None:
            return None
        index: int | None = ti.get_relevant_upstream_map_indexes(self.operator)
        return NOTSET if index is None else index

    def map(self, function: Callable[[Any], Any]) -> "MapXComArg":
        """Every element passed through a function, in the process of the task that is mapped over it; raising
        AirflowSkipException there skips the instance. Raises ValueError for a decorated task."""
        return MapXComArg(self._whole("map"), (function,))

    def zip(self, *others: "XComArg", fillvalue: Any = NOTSET) -> "ZipXComArg":
        """Tuples of elements of this and others, as many as the shortest has; with a fill value, as the longest."""
        return ZipXComArg((self._whole("zip"), *others), fillvalue)

    def concat(self, *others: "XComArg") -> "ConcatXComArg":
        """The elements of this, then those of the others."""
        return ConcatXComArg((self._whole("concat"), *others))

    def _whole(self, what: str) -> "XComArg":
        if self.key != XCOM_RETURN_KEY:
            raise ValueError(
                f"{what}() goes over what task {self.operator.task_id!r} returns, not over key {self.key!r}"
            )
        return self

    def as_setup(self) -> "XComArg":
        """Make its task a setup."""
        for operator, _ in self.iter_references():
            operator.as_setup()
        return self

    def as_teardown(self, *, setups: Any = None, on_failure_fail_dagrun: bool | None = None) -> "XComArg":
        """Make its task a teardown, of these setups too."""
        for operator, _ in self.iter_references():
            operator.as_teardown(setups=setups, on_failure_fail_dagrun=on_failure_fail_dagrun)
        return self

    def __enter__(self) -> "Scopes":
        return self.operator.__enter__()

    def __exit__(self, *raised: Any) -> None:
        self.operator.__exit__(*raised)

    @staticmethod
    def apply_upstream_relationship(operator: "BaseOperator", value: Any) -> None:
        """Make `operator` run after every task that `value` refers to."""
        apply_upstream_relationship(operator, value)


class _DerivedXComArg(XComArg):
    """Something made of other references."""

    args: "tuple[XComArg, ...]"

    def __init__(self, args: "tuple[XComArg, ...]") -> None:
        wrong = [arg for arg in args if not isinstance(arg, XComArg)]  # pyright: ignore[reportUnnecessaryIsInstance]
        if wrong:
            raise ValueError(f"expected XComArg, got {wrong!r}")
        super().__init__(args[0].operator, args[0].key)
        self.args = args

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.args))})"

    def __getitem__(self, item: str) -> XComArg:
        raise TypeError(f"{type(self).__name__} cannot be looked up in: {item!r}")

    @property
    def roots(self) -> list[DAGNode]:
        """The operators of all parts."""
        return [root for arg in self.args for root in arg.roots]

    @property
    def leaves(self) -> list[DAGNode]:
        """The operators of all parts."""
        return [leaf for arg in self.args for leaf in arg.leaves]

    def iter_references(self) -> "Iterator[tuple[BaseOperator, str]]":
        """Those of all parts."""
        for arg in self.args:
            yield from arg.iter_references()


class MapXComArg(_DerivedXComArg):
    """A reference whose elements pass through functions."""

    def __init__(self, arg: XComArg, functions: "tuple[Callable[[Any], Any], ...]") -> None:
        super().__init__((arg,))
        self.arg, self.functions = arg, functions
        for function in functions:
            # A decorated task is one that says how it would be mapped.
            if not callable(function) or hasattr(function, "expand"):
                raise ValueError(
                    f"map() over what task {arg.operator.task_id!r} returns takes a plain function, not {function!r}"
                )

    def map(self, function: Callable[[Any], Any]) -> "MapXComArg":
        """And then through this one."""
        return MapXComArg(self.arg, (*self.functions, function))

    def resolve(self, context: "Context") -> Any:
        """The elements, each made when it is looked at."""
        from tradewind.sdk.mapped.sequences import Mapped, as_container

        return Mapped(as_container(self.arg.resolve(context), "XComArg.map()"), self.functions)


class ZipXComArg(_DerivedXComArg):
    """Tuples of elements of several references."""

    def __init__(self, args: "tuple[XComArg, ...]", fillvalue: Any = NOTSET) -> None:
        super().__init__(args)
        self.fillvalue = fillvalue

    @property
    def is_strict(self) -> bool:
        """Whether it ends with the shortest."""
        return self.fillvalue is NOTSET

    def resolve(self, context: "Context") -> Any:
        """The tuples, each made when it is looked at."""
        from tradewind.sdk.mapped.sequences import Zipped, as_container

        parts = [as_container(arg.resolve(context), "XComArg.zip()") for arg in self.args]
        return Zipped(parts, self.fillvalue)


class ConcatXComArg(_DerivedXComArg):
    """The elements of several references, one after the other."""

    def concat(self, *others: XComArg) -> "ConcatXComArg":
        """And then those of others."""
        return ConcatXComArg((*self.args, *others))

    def resolve(self, context: "Context") -> Any:
        """The elements."""
        from tradewind.sdk.mapped.sequences import Concatenated, as_container

        return Concatenated([as_container(arg.resolve(context), "XComArg.concat()") for arg in self.args])


def iter_xcom_references(value: Any, depth: int = 0) -> "Iterator[tuple[BaseOperator, str]]":
    """References anywhere in a value: in collections, in operators given as values, and those of what a group is mapped
    over where one of its arguments is used."""
    kind: type[Any] = value.__class__
    if hasattr(kind, "iter_references"):
        yield from value.iter_references()
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
