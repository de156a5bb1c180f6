"""Celery's logical clock: orders what several workers say, whatever their clocks show."""


class LogicalClock:
    """A Lamport clock; what is sent carries `forward()`, what is received is given to `adjust`."""

    def __init__(self) -> None:
        self.value = 0

    def forward(self) -> int:
        """One further than everything sent or received so far."""
        self.value += 1
        return self.value

    def adjust(self, other: object) -> None:
        """Something with this time was received; what is no time counts as none."""
        self.value = max(self.value, other if isinstance(other, int) else 0) + 1
