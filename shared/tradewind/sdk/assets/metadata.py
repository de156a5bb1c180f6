"""What a task yields to say something of an asset that it wrote."""

from dataclasses import dataclass, field
from typing import Any

from tradewind.sdk.assets.asset import Asset, AssetAlias


@dataclass
class Metadata:
    """Extra for the event of an asset; with an alias, the asset becomes one of the alias's."""

    asset: Asset
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    alias: AssetAlias | None = None
