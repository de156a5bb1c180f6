"""What permissions are about, as provider packages name it."""

from dataclasses import dataclass

from tradewind.sdk.exceptions import AirflowRuntimeError


@dataclass
class AssetDetails:
    """An asset; None: any."""

    id: str | None = None


@dataclass
class AssetAliasDetails:
    """An asset alias; None: any."""

    id: str | None = None


def expand_alias_to_assets(alias: object, *, session: object = None) -> list[object]:
    """The assets behind an alias are known to the scheduler alone: raises AirflowRuntimeError."""
    raise AirflowRuntimeError(f"{alias!r} cannot be resolved in a process that runs DAG files")
