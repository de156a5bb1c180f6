"""What a node maps over, and the arguments that one instance gets from it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tradewind.sdk.mapped.sequences import as_container, element, is_mappable
from tradewind.sdk.types import is_list, is_tuple
from tradewind.sdk.xcom_arg import iter_xcom_references

if TYPE_CHECKING:
    from tradewind.sdk.context import Context
    from tradewind.sdk.operator import BaseOperator


class InstanceArguments(NamedTuple):
    """The arguments of one instance."""

    values: dict[str, Any]
    resolved: frozenset[str]
    """Which of them come from XComs: they are data, and are not rendered as templates."""


class ExpandInput(ABC):
    """What a node maps over. `resolve` raises TypeError, ValueError or IndexError for what cannot be mapped over."""

    value: Any

    @abstractmethod
    def resolve(self, context: "Context", map_index: int) -> InstanceArguments:
        """The arguments of the instance with this index."""

    def iter_references(self) -> "Iterator[tuple[BaseOperator, str]]":
        """The tasks and keys whose XComs it refers to."""
        yield from iter_xcom_references(self.value)


class DictOfListsExpandInput(ExpandInput):
    """`expand(x=…, y=…)`: every combination of the elements; the last argument varies fastest."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.value: Mapping[str, Any] = value

    def resolve(self, context: "Context", map_index: int) -> InstanceArguments:
        """One element of each argument."""
        found: dict[str, Any] = {}
        left = map_index
        for name in reversed(list(self.value)):
            values = as_container(_resolved(self.value[name], context), f"expand() of the argument {name!r}")
            length = len(values)
            if length < 1:
                raise ValueError(f"cannot expand the argument {name!r}: it is mapped to length 0")
            left, place = divmod(left, length)
            found[name] = element(values, place)
        if left:
            raise IndexError(f"map index {map_index} is beyond what the arguments have")
        values = {name: found[name] for name in self.value}
        return InstanceArguments(values, frozenset(name for name in values if _is_reference(self.value[name])))


class ListOfDictsExpandInput(ExpandInput):
    """`expand_kwargs([{…}, …])`: a dict of arguments for each instance."""

    def __init__(self, value: Any) -> None:
        self.value: Any = value

    def resolve(self, context: "Context", map_index: int) -> InstanceArguments:
        """The dict of that index."""
        mappings = _resolved(self.value, context)
        if not isinstance(mappings, Sequence) or isinstance(mappings, str | bytes):
            raise ValueError(f"expand_kwargs() expects a list[dict], not {_described(mappings)}")
        chosen: Any = cast("Sequence[Any]", mappings)[map_index]
        mapping = _resolved(chosen, context)
        if not isinstance(mapping, Mapping):
            raise ValueError(f"expand_kwargs() expects a list[dict], not list[{_described(mapping)}]")
        values = {_checked(key): inner for key, inner in cast("Mapping[object, Any]", mapping).items()}
        is_data = _is_reference(self.value) or _is_reference(chosen)
        return InstanceArguments(
            {name: _resolved(inner, context) for name, inner in values.items()},
            frozenset(name for name, inner in values.items() if is_data or _is_reference(inner)),
        )


class MappedArgument:
    """Inside a mapped group: the element of one of the group's arguments, in a templated field of any task."""

    def __init__(self, expand_input: ExpandInput, key: str) -> None:
        self.expand_input, self.key = expand_input, key

    def iter_references(self) -> "Iterator[tuple[BaseOperator, str]]":
        """The tasks and keys whose XComs it refers to."""
        yield from self.expand_input.iter_references()

    def resolve(self, context: "Context") -> Any:
        """The element of this instance. Raises RuntimeError in a task that has no map index."""
        ti: Any = context.get("ti")
        if ti.map_index < 0:
            raise RuntimeError("can't resolve task-mapping argument without expanding")
        return self.expand_input.resolve(context, ti.map_index).values[self.key]


def check_dicts(kwargs: Any, what: str) -> None:
    """Raises TypeError for what is neither an XCom nor a list of dicts (or XComs)."""
    items: list[Any] = list(kwargs) if is_list(kwargs) or is_tuple(kwargs) else []
    if not (items or is_list(kwargs) or is_tuple(kwargs) or _is_reference(kwargs)):
        raise TypeError(f"{what}: expected XComArg or list[dict], not {kwargs!r}")
    wrong = [item for item in items if not (isinstance(item, Mapping) or _is_reference(item))]
    if wrong:
        raise TypeError(f"{what}: expected XComArg or list[dict], not a list with {wrong[0]!r}")


def check_mappable(arguments: Mapping[str, Any], what: str) -> None:
    """Raises ValueError naming the arguments that nothing can be mapped over."""
    wrong = [name for name, value in arguments.items() if not (is_mappable(value) or _is_reference(value))]
    if wrong:
        kinds = ", ".join(f"{name!r} ({_described(arguments[name])})" for name in wrong)
        raise ValueError(f"{what} got an unexpected type for the keyword argument {kinds}")


def _is_reference(value: Any) -> bool:
    return callable(getattr(value, "resolve", None))


def _resolved(value: Any, context: "Context") -> Any:
    return value.resolve(context) if _is_reference(value) else value


def _checked(key: object) -> str:
    if not isinstance(key, str):
        raise ValueError(f"expand_kwargs() input dict keys must all be str, but {key!r} is of type {_described(key)}")
    return key


def _described(value: object) -> str:
    return "None" if value is None else type(value).__name__
