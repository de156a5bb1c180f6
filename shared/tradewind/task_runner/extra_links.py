"""The addresses of an operator's extra links, kept as XComs for the API to show."""

import logging
from typing import Any

from tradewind.sdk import serde
from tradewind.sdk.operator import BaseOperator

log = logging.getLogger("tradewind.task")


def links_of(task: BaseOperator, ti: Any) -> tuple[tuple[str, bytes], ...]:
    """(XCom key, JSON text) of each link that can be made; one that raises is logged and left out."""
    found: list[tuple[str, bytes]] = []
    for link in task.operator_extra_links:
        key = getattr(link, "xcom_key", None) or f"_link_{type(link).__name__}"
        try:
            found.append((key, serde.to_json(link.get_link(operator=task, ti_key=ti))))
        except Exception:
            log.exception("Failed to make the extra link %r", getattr(link, "name", key))
    return tuple(found)
