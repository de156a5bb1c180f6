"""What a service says of its configuration when it starts: once, and only if there is something to say."""

import os
from typing import Final

from tradewind.service.configuration.sources import PREFIX, configuration_file
from tradewind.service.logging import get_logger

_OURS: Final = "TRADEWIND__"


def report_configuration() -> None:
    """Log which of Airflow's options are given and mean nothing here, and which names nobody knows. `tradewind config
    list` gives the reasons. Raises `ConfigError` for a file that cannot be read."""
    names = list(os.environ)
    if not any(name.upper().startswith((PREFIX, _OURS)) for name in names) and not _has_file():
        return
    # Imported here: tables that only a deployment with something to check needs.
    from tradewind.service.configuration.listing import Listing

    listing = Listing(os.environ)
    remarks = listing.remarks()
    ignored = [remark.name for remark in remarks if not remark.is_unknown]
    if ignored or listing.sources.path:
        path = None if listing.sources.path is None else str(listing.sources.path)
        get_logger().info("configuration.airflow", file=path, ignored=ignored, reasons="tradewind config list")
    for remark in remarks:
        if remark.is_unknown:
            get_logger().warning("configuration.unknown", name=remark.name, at=remark.place, nearest=remark.nearest)


def _has_file() -> bool:
    path = configuration_file(os.environ)
    if not path.exists() and os.environ.get("AIRFLOW_CONFIG"):
        get_logger().warning("configuration.missing", file=str(path), at="AIRFLOW_CONFIG")
    return path.exists()
