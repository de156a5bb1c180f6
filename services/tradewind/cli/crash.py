"""What ends a process of several services."""

from tradewind.core.errors import TradewindError


class ServiceCrashed(TradewindError):
    """A service ended by itself."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(f"the {service} crashed ({reason}), so everything was stopped")
