"""A song for whoever reads the log."""

from typing import Any

from tradewind.sdk.operator import BaseOperator


class SmoothOperator(BaseOperator):
    """Logs where to listen to Sade's "Smooth Operator"."""

    ui_color = "#e8f7e4"
    yt_link: str = "https://www.youtube.com/watch?v=4TYv2PhG89A"

    def execute(self, context: Any) -> None:
        """Log it."""
        self.log.info("Sade, Smooth Operator: %s", self.yt_link)
