"""What a task yields to say something of an asset that it wrote."""

from collections.abc import Generator
from dataclasses import dataclass, field
from logging import getLogger
from typing import Any, cast

from tradewind.sdk.active import current_context
from tradewind.sdk.assets.asset import Asset, AssetAlias


@dataclass
class Metadata:
    """Extra for the event of an asset; with an alias, the asset becomes one of the alias's."""

    asset: Asset
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    alias: AssetAlias | None = None


def result_of(generator: Generator[object, None, Any]) -> Any:
    """Run it to its end; what it yields goes to the running task's `outlet_events`. Returns what it returned."""
    outlet_events = cast("Any", current_context())["outlet_events"]
    while True:
        try:
            metadata = next(generator)
        except StopIteration as stop:
            return stop.value
        if not isinstance(metadata, Metadata):
            getLogger("tradewind.task").warning("Ignoring unknown data of %r received from task", type(metadata))
            continue
        outlet_events[metadata.asset].extra.update(metadata.extra)
        if metadata.alias is not None:
            outlet_events[metadata.alias].add(metadata.asset, extra=metadata.extra)
