"""An operator that does nothing."""

from typing import TYPE_CHECKING

from tradewind.sdk.operator import BaseOperator

if TYPE_CHECKING:
    from tradewind.sdk.context import Context


class EmptyOperator(BaseOperator):
    """A place in the graph. Unless it has callbacks, the scheduler ends it itself and no process runs."""

    ui_color = "#e8f7e4"

    def execute(self, context: "Context") -> None:
        """Do nothing."""
