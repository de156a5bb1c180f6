"""The task behind a function decorated with `@asset`."""

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from tradewind.sdk.assets.asset import Asset, BaseAsset
from tradewind.sdk.operators.python import PythonOperator

if TYPE_CHECKING:
    from tradewind.sdk.context import Context

NO_INLETS: Final = ("self", "context", "outlet_events")
"""Arguments that are not the name of an asset."""


class AssetOperator(PythonOperator):
    """Calls the function with the assets that its arguments name."""

    def __init__(self, *, definition_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.definition_name = definition_name

    def execute(self, context: "Context") -> Any:
        """Find the assets, and call the function. Raises AirflowRuntimeError for an asset that nobody knows."""
        parameters = inspect.signature(self.python_callable).parameters.values()
        self.op_kwargs = {parameter.name: self._value_of(parameter, context) for parameter in parameters}
        return self.execute_callable()

    def _value_of(self, parameter: inspect.Parameter, context: "Context") -> Any:
        from tradewind.sdk.assets.events import find_asset

        if parameter.default is not parameter.empty:
            return parameter.default
        match parameter.name:
            case "self":
                return find_asset(name=self.definition_name)
            case "context":
                return context
            case "outlet_events":
                return cast("Any", context)["outlet_events"]
            case name:
                return find_asset(name=name)


def make_asset_task(function: Callable[..., Any], definition_name: str, outlets: Sequence[BaseAsset]) -> AssetOperator:
    """The task, in the active DAG; raises TypeError for a function whose arguments cannot all be told by name."""
    parameters = inspect.signature(function).parameters
    for name, parameter in parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise TypeError(f"wildcard '*{name}' is not supported in @asset")
        if parameter.kind is parameter.VAR_KEYWORD:
            raise TypeError(f"wildcard '**{name}' is not supported in @asset")
        if parameter.kind is parameter.POSITIONAL_ONLY and parameter.default is parameter.empty:
            raise TypeError(f"positional-only argument '{name}' without a default is not supported in @asset")
    inlets = [
        Asset.ref(name=name)
        for name, parameter in parameters.items()
        if name not in NO_INLETS and parameter.default is parameter.empty
    ]
    return AssetOperator(
        task_id=function.__name__,
        inlets=inlets,
        outlets=list(outlets),
        python_callable=function,
        definition_name=definition_name,
    )
