"""`@asset` and `@asset.multi`: functions that write assets, each in a DAG of its own."""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, Final, cast

from tradewind.sdk.assets.access_control import AssetAccessControl
from tradewind.sdk.assets.asset import Asset, AssetAll, AssetWatcher, BaseAsset
from tradewind.sdk.assets.operator import make_asset_task
from tradewind.sdk.dags import DAG
from tradewind.sdk.task_decorator import TaskDecorator

ASSET_ARGUMENTS: Final = ("name", "uri", "group", "extra", "watchers", "access_control")
DAG_ARGUMENTS: Final = (
    "schedule",
    "is_paused_upon_creation",
    "dag_id",
    "dag_display_name",
    "description",
    "params",
    "on_success_callback",
    "on_failure_callback",
    "access_control",
    "owner_links",
    "tags",
)


class AssetDefinition(Asset):
    """The asset that a function decorated with `@asset` writes."""

    def __init__(self, function: Callable[..., Any], dag_arguments: Mapping[str, Any], **arguments: Any) -> None:
        super().__init__(**arguments)
        _make_dag(function, dag_arguments, default_dag_id=self.name, definition_name=self.name, outlets=[self])


class MultiAssetDefinition(AssetAll):
    """The assets that a function decorated with `@asset.multi` writes; used as a condition, all of them."""

    def __init__(
        self, function: Callable[..., Any], dag_arguments: Mapping[str, Any], outlets: Sequence[BaseAsset]
    ) -> None:
        super().__init__(*outlets)
        self.name = function.__name__
        _make_dag(function, dag_arguments, default_dag_id=self.name, definition_name=self.name, outlets=outlets)


class _Multi:
    """`@asset.multi(schedule=…, outlets=[…])`. Raises TypeError for an unknown argument, ValueError without outlets."""

    def __init__(self, *, schedule: Any, outlets: Collection[BaseAsset], **arguments: Any) -> None:
        _check_arguments(arguments, DAG_ARGUMENTS, "asset.multi")
        self._outlets, self._dag_arguments = list(outlets), {"schedule": schedule, **arguments}

    def __call__(self, function: Callable[..., Any]) -> MultiAssetDefinition:
        _check_not_nested(function)
        if not self._outlets:
            raise ValueError("no outlets provided")
        return MultiAssetDefinition(function, self._dag_arguments, self._outlets)


class asset:
    """`@asset(schedule=…)`: the function becomes the one task of a DAG, and writes the asset of its name. Its arguments
    are the assets of their names, which become inlets; `self` is the asset itself. Raises TypeError for an unknown
    argument."""

    multi: ClassVar[type[_Multi]] = _Multi

    def __init__(
        self,
        *,
        schedule: Any,
        name: str | None = None,
        uri: object = None,
        group: str = Asset.asset_type,
        extra: dict[str, Any] | None = None,
        watchers: Sequence[AssetWatcher] = (),
        access_control: Any = None,
        **dag_arguments: Any,
    ) -> None:
        _check_arguments(dag_arguments, DAG_ARGUMENTS, "asset")
        self._name, self._uri = name, uri
        self._arguments: dict[str, Any] = {"group": group, "extra": extra, "watchers": watchers}
        self._dag_arguments = {"schedule": schedule, **dag_arguments}
        if isinstance(access_control, AssetAccessControl):
            self._arguments["access_control"] = access_control
        elif access_control is not None:
            self._dag_arguments["access_control"] = access_control

    def __call__(self, function: Callable[..., Any]) -> AssetDefinition:
        _check_not_nested(function)
        name = self._name or function.__name__
        uri = name if self._uri is None else str(self._uri)
        return AssetDefinition(function, self._dag_arguments, name=name, uri=uri, **self._arguments)


def _make_dag(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    *,
    default_dag_id: str,
    definition_name: str,
    outlets: Sequence[BaseAsset],
) -> None:
    own = dict(arguments)
    dag_id = own.pop("dag_id", None) or default_dag_id
    dag = DAG(dag_id, catchup=False, **own)
    dag.fileloc = inspect.getsourcefile(inspect.unwrap(function)) or dag.fileloc
    with dag:
        if isinstance(function, TaskDecorator):
            _make_decorated_task(cast("TaskDecorator[..., Any]", function), outlets)
        else:
            make_asset_task(function, definition_name, outlets)


def _make_decorated_task(decorator: TaskDecorator[..., Any], outlets: Sequence[BaseAsset]) -> None:
    if "outlets" in decorator.options:
        raise TypeError("@task decorator with 'outlets' argument is not supported in @asset")
    decorator.override(outlets=list(outlets))()


def _check_arguments(given: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    unknown = sorted(name for name in given if name not in known)
    if unknown:
        raise TypeError(f"@{what} got unexpected keyword arguments {unknown}")


def _check_not_nested(function: Callable[..., Any]) -> None:
    if function.__name__ != function.__qualname__:
        raise ValueError("nested function not supported")
