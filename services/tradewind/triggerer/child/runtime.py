"""What a trigger may ask and write: what its deferred attempt might, through the execution API."""

from tradewind.task_runner.execution_api.client import ExecutionClient


class TriggerClient(ExecutionClient):
    """Speaks for one deferred attempt. The trigger's threads take turns, and no connection stays open in between:
    there may be a thousand triggers, each of which asks now and then."""

    def _exchange(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        with self._turn:
            try:
                return super()._exchange(method, path, body)
            finally:
                self.close()
