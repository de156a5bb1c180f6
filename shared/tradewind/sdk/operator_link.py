"""Extra links of operators: buttons that lead from a task instance to another system."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urljoin

from tradewind.sdk.configuration import conf
from tradewind.sdk.plugins import loaded_plugins

if TYPE_CHECKING:
    from tradewind.sdk.operator import BaseOperator
    from tradewind.sdk.types import TaskInstanceKey


class BaseOperatorLink(ABC):
    """Base of extra links. A task's links are made when it has run, and kept as an XCom each."""

    operators: ClassVar[list[Any]] = []
    """Operators that a plugin's link is added to."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What the button says."""

    @property
    def xcom_key(self) -> str:
        """The key under which the address is kept."""
        return f"_link_{type(self).__name__}"

    @abstractmethod
    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:
        """The address for this try."""


def links_of(operator_class: "type[BaseOperator]", own: Any = None) -> dict[str, Any]:
    """Name → link of an operator: those of its class, of plugins that name the class, and those that plugins add to
    every operator; where names are the same, the later one."""
    links: list[Any] = list(operator_class.operator_extra_links if own is None else own)
    for plugin in loaded_plugins():
        links += [link for link in plugin.operator_extra_links if operator_class in getattr(link, "operators", ())]
        links += plugin.global_operator_extra_links
    return {link.name: link for link in links}


def xcom_key_of(link: Any) -> str:
    """The key under which a link's address is kept."""
    return getattr(link, "xcom_key", None) or f"_link_{type(link).__name__}"


def dag_run_url(dag_id: str, run_id: str) -> str:
    """Where people see a run."""
    base = conf.get("api", "base_url", fallback="/") or "/"
    return urljoin(f"{base.rstrip('/')}/", f"dags/{dag_id}/runs/{run_id}")
