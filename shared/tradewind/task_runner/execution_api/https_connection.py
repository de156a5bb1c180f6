"""An HTTPS connection with the standard library's client; imported only where the execution API is behind TLS."""

import http.client
from collections.abc import Mapping

from tradewind.task_runner.execution_api.http_connection import BODY_MAX_BYTES, HttpError


class HttpsConnection:
    """As `HttpConnection`."""

    def __init__(self, host: str, port: int, *, timeout_seconds: float) -> None:
        self._connection = http.client.HTTPSConnection(host, port, timeout=timeout_seconds)

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Send a request and read its answer: status and body."""
        try:
            self._connection.request(method, path, body=body or None, headers=dict(headers))
            response = self._connection.getresponse()
            answer = response.read(BODY_MAX_BYTES + 1)
        except http.client.HTTPException as exc:
            raise HttpError(f"{type(exc).__name__}: {exc}") from exc
        if len(answer) > BODY_MAX_BYTES:
            raise HttpError(f"the other end sends an answer longer than {BODY_MAX_BYTES} bytes")
        return response.status, answer

    def close(self) -> None:
        """Close it; the next request opens another."""
        self._connection.close()
