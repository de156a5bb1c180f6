"""The task behind a function decorated with `@asset`."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final

from tradewind.sdk.assets.asset import Asset, BaseAsset
from tradewind.sdk.operators.python import PythonOperator

NO_INLETS: Final = ("self", "context", "outlet_events")
"""Arguments that are not the name of an asset."""


class AssetOperator(PythonOperator):
    """Calls the function with the assets that its arguments name."""

    def __init__(self, *, definition_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.definition_name = definition_name


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
