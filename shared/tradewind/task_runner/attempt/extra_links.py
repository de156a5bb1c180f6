"""The addresses of an operator's extra links, kept as XComs for the API to show."""

import logging
from typing import Any

from tradewind.sdk import serde
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operator_link import links_of, xcom_key_of

log = logging.getLogger("tradewind.task")


def link_xcoms(task: BaseOperator, ti: Any) -> tuple[tuple[str, bytes], ...]:
    """(XCom key, JSON text) of each link that can be made; one that raises is logged and left out."""
    found: list[tuple[str, bytes]] = []
    for name, link in links_of(type(task), task.operator_extra_links).items():
        try:
            found.append((xcom_key_of(link), serde.to_json(link.get_link(operator=task, ti_key=ti))))
        except Exception:
            log.exception("Failed to make the extra link %r", name)
    return tuple(found)
