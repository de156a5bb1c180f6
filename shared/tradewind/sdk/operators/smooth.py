"""An operator to relax by."""

from tradewind.sdk.context import Context
from tradewind.sdk.operator import BaseOperator


class SmoothOperator(BaseOperator):
    """Says in its log where to hear the song of its name."""

    ui_color = "#e8f7e4"
    yt_link = "https://www.youtube.com/watch?v=4TYv2PhG89A"

    def execute(self, context: Context) -> None:
        """Log the address."""
        self.log.info("Enjoy Sade - Smooth Operator: %s", self.yt_link)
