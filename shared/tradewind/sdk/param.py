"""Params: a DAG's and a task's named inputs, each with a JSON schema that its value must fit."""

import copy
import json
from collections.abc import ItemsView, Iterator, Mapping, MutableMapping, ValuesView
from typing import TYPE_CHECKING, Any, Final

from tradewind.core.json_schemas import SchemaMismatchError, check_value
from tradewind.sdk.configuration import conf as configuration
from tradewind.sdk.exceptions import ParamValidationError
from tradewind.sdk.types import NOTSET

if TYPE_CHECKING:
    from tradewind.sdk.context import Context
    from tradewind.sdk.dags import DAG
    from tradewind.sdk.node import DAGNode

_UNCONSTRAINED: Final[Mapping[str, object]] = {}


class Param:
    """A default value and the schema that any value given for it must fit. Keyword arguments other than `description`
    and `schema` are the schema: `Param(5, type="integer", minimum=1)`."""

    def __init__(
        self,
        default: object = NOTSET,
        description: str | None = None,
        source: str | None = None,
        **kwargs: Any,
    ) -> None:
        if default is not NOTSET:
            _check_json(default)
        self.value = default
        self.description = description
        self.source = source
        self.schema: dict[str, Any] = kwargs.pop("schema") if "schema" in kwargs else kwargs

    def __copy__(self) -> "Param":
        return Param(self.value, self.description, self.source, schema=self.schema)

    def __repr__(self) -> str:
        return f"Param({self.value!r})"

    @property
    def has_value(self) -> bool:
        """Whether there is a value other than None."""
        return self.value is not NOTSET and self.value is not None

    def resolve(self, value: object = NOTSET, suppress_exception: bool = False) -> Any:
        """The value given, or else the default, once it fits the schema; it is kept as the param's value.
        Raises ParamValidationError (or, for what does not fit, gives None with `suppress_exception`)."""
        if value is not NOTSET:
            _check_json(value)
        try:
            return self._resolve(value)
        except ParamValidationError:
            if suppress_exception:
                return None
            raise

    def _resolve(self, value: object) -> object:
        final = self.value if value is NOTSET else value
        if final is NOTSET:
            raise ParamValidationError("No value passed and Param has no default value")
        if self.schema != _UNCONSTRAINED:
            try:
                check_value(final, self.schema)
            except SchemaMismatchError as exc:
                raise ParamValidationError(str(exc)) from None
        self.value = final
        return final

    def dump(self) -> dict[str, object]:
        """`{"value": …, "schema": {…}, "description": …, "source": …}`; a missing value is None."""
        return {
            "value": None if self.value is NOTSET else self.value,
            "schema": self.schema,
            "description": self.description,
            "source": self.source,
        }

    def serialize(self) -> dict[str, object]:
        """As an XCom: as dumped, but a missing value is left out."""
        return self.dump() if self.value is not NOTSET else {k: v for k, v in self.dump().items() if k != "value"}

    @staticmethod
    def deserialize(data: dict[str, Any], version: int) -> "Param":
        """From an XCom."""
        return Param(data.get("value", NOTSET), data["description"], data["source"], schema=data["schema"])


def _check_json(value: object) -> None:
    try:
        json.dumps(value)
    except (TypeError, ValueError) as exc:
        raise ParamValidationError(
            f"All provided parameters must be json-serializable. The value {value!r} is not: {exc}"
        ) from None


class ParamsDict(MutableMapping[str, Any]):
    """Params by name. Reading gives validated values; writing a plain value validates it against the known param."""

    def __init__(self, values: Mapping[str, object] | None = None, suppress_exception: bool = False) -> None:
        self._params: dict[str, Param] = {}
        self.suppress_exception = suppress_exception
        if values is not None:
            self._take(values)

    def _take(self, values: Mapping[str, object]) -> None:
        for name, value in values.items():
            self._params[name] = copy.copy(value) if isinstance(value, Param) else Param(value)

    def __setitem__(self, key: str, value: object) -> None:
        if isinstance(value, Param):
            self._params[key] = value
        elif key in self._params:
            try:
                self._params[key].resolve(value, self.suppress_exception)
            except ParamValidationError as exc:
                raise ParamValidationError(f"Invalid input for param {key}: {exc}") from None
        else:
            self._params[key] = Param(value)

    def __getitem__(self, key: str) -> Any:
        return self._params[key].resolve(suppress_exception=self.suppress_exception)

    def __delitem__(self, key: str) -> None:
        del self._params[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def __contains__(self, key: object) -> bool:
        return key in self._params

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ParamsDict):
            return self.dump() == other.dump()
        return self.dump() == other if isinstance(other, dict) else NotImplemented

    __hash__ = None  # pyright: ignore[reportAssignmentType] - as dicts

    def __copy__(self) -> "ParamsDict":
        return ParamsDict(self, self.suppress_exception)

    def __deepcopy__(self, memo: dict[int, object]) -> "ParamsDict":
        return ParamsDict(self, self.suppress_exception)

    def __repr__(self) -> str:
        return repr(self.dump())

    def items(self) -> ItemsView[str, Any]:
        """The params themselves, by name."""
        return ItemsView(self._params)

    def values(self) -> ValuesView[Any]:
        """The params themselves."""
        return ValuesView(self._params)

    def update(self, *others: Any, **values: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - of anything
        """Assign each; another dict's params replace those of the same name, schema included."""
        match others:
            case (ParamsDict() as params,) if not values:
                self._params.update(params.params())
            case _:
                super().update(*others, **values)

    def params(self) -> list[tuple[str, Param]]:
        """The params themselves, by name."""
        return list(self._params.items())

    def get_param(self, key: str) -> Param:
        """The param itself, not its value."""
        return self._params[key]

    def merge(self, values: Mapping[str, object]) -> None:
        """Add or replace: params of another dict are copied, plain values are validated as by assignment."""
        if isinstance(values, ParamsDict):
            self._take(values)
        else:
            for name, value in values.items():
                self[name] = value

    def dump(self) -> dict[str, Any]:
        """All values; None for one that does not fit."""
        return {name: param.resolve(suppress_exception=True) for name, param in self._params.items()}

    def validate(self) -> dict[str, Any]:
        """All values; raises ParamValidationError naming the first param that does not fit."""
        values: dict[str, Any] = {}
        for name, param in self._params.items():
            try:
                values[name] = param.resolve(suppress_exception=self.suppress_exception)
            except ParamValidationError as exc:
                raise ParamValidationError(f"Invalid input for param {name}: {exc}") from None
        return values


class DagParam:
    """A reference to a param of the DAG, resolved when a task runs: the run's conf, else the default."""

    def __init__(self, current_dag: "DAG", name: str, default: object = NOTSET) -> None:
        if default is not NOTSET:
            current_dag.params[name] = default
        self.name = name
        self.default = default
        self.current_dag = current_dag

    def iter_references(self) -> "Iterator[tuple[DAGNode, str]]":
        """Tasks whose XComs this needs: none."""
        return iter(())

    def resolve(self, context: "Context") -> Any:
        """The value in this run."""
        conf: Mapping[str, Any] = getattr(context.get("dag_run"), "conf", {})
        if self.name in conf:
            return conf[self.name]
        if self.default is not NOTSET:
            return self.default
        params = context.get("params", {})
        if self.name in params:
            return params[self.name]
        raise ParamValidationError(f"No value could be resolved for parameter {self.name!r}")


def process_params(dag: "DAG", task_params: Mapping[str, object], conf: Mapping[str, object]) -> dict[str, Any]:
    """The values of all params of a task in a run: the DAG's, overridden by the task's, overridden by the run's conf
    unless `[core] dag_run_conf_overrides_params` is off. Raises ParamValidationError."""
    if not dag.params and not task_params and not conf:
        return {}
    params = ParamsDict(dag.params)
    params.merge(task_params)
    if conf and configuration.getboolean("core", "dag_run_conf_overrides_params"):
        params.merge(conf)
    return params.validate()
