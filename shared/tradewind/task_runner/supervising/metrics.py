"""What a supervisor counts."""

from collections.abc import Callable

from tradewind.service.metrics import Telemetry


class SupervisorMetrics:
    """Made once per service; several supervisors of one service share it."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self.claims = telemetry.counter("claims_total", "Answers to claims", ("verdict",))
        self.ends = telemetry.counter("ends_total", "Ends of attempts", ("outcome", "cause"))
        self.end_verdicts = telemetry.counter("end_verdicts_total", "Answers to reported ends", ("verdict",))
        self.expiries = telemetry.counter("expiries_total", "Times that the lease was lost and all children killed")
        self.bundle_refusals = telemetry.counter(
            "bundle_refusals_total", "Attempts given back because their code was not to be had or was damaged"
        )
        self.handed_back = telemetry.counter("handed_back_total", "Offers given back because no slot came free")
        self.undecodable = telemetry.counter("kills_undecodable_total", "Orders to kill sent to the dead-letter queue")
        self.running = telemetry.gauge("running_attempts", "Attempts whose child has not ended")
        self.kept_ends = telemetry.gauge("kept_ends", "Ends that wait for the collector's final answer")
        self.launch_seconds = telemetry.seconds("launch_seconds", "From the grant to the start of user code")
        self._running: list[Callable[[], int]] = []
        self._kept_ends: list[Callable[[], int]] = []
        self.running.set_function(lambda: sum(count() for count in self._running))
        self.kept_ends.set_function(lambda: sum(count() for count in self._kept_ends))

    def watch(self, *, running: Callable[[], int], kept_ends: Callable[[], int]) -> None:
        """Count what one more supervisor holds, too."""
        self._running.append(running)
        self._kept_ends.append(kept_ends)
