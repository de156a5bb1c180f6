"""Extra links of operators: buttons that lead from a task instance to another system."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

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
