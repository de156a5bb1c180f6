"""What a service says of its configuration when it starts: once, and only if there is something to say."""

import os
from typing import Final

from tradewind.service.configuration.catalogue import names_of_all
from tradewind.service.configuration.sources import PREFIX, configuration_file
from tradewind.service.logging import get_logger

_OURS: Final = "TRADEWIND__"


def report_configuration() -> None:
    """Log which of Airflow's options are given and mean nothing here, and which names nobody knows. `tradewind config
    list` gives the reasons. Raises `ConfigError` for a file that cannot be read."""
    has_file = _has_file()
    if not has_file and not any(name.startswith(PREFIX) for name in os.environ) and _are_ours_known():
        return
    # Imported here: a megabyte of tables that only a deployment with something to say needs.
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


def _are_ours_known() -> bool:
    """Whether each variable of ours is a setting's."""
    known = names_of_all()
    given = (name.upper() for name in os.environ if name.upper().startswith(_OURS))
    names = (name.removeprefix(_OURS).lower().replace("__", ".", 1) for name in given)
    return all(name in known or name.removesuffix("_cmd") in known for name in names)


def _has_file() -> bool:
    path = configuration_file(os.environ)
    if not path.exists() and os.environ.get("AIRFLOW_CONFIG"):
        get_logger().warning("configuration.missing", file=str(path), at="AIRFLOW_CONFIG")
    return path.exists()
