"""The log sink of real workers: the execution API, over one shared HTTP client."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from uuid import UUID

from tradewind.task_runner.logs import LogSinkFailed

if TYPE_CHECKING:
    import httpx

_TIMEOUT_SECONDS: Final = 10.0
_CONNECTIONS_MAX: Final = 8
_HTTP_CLIENT_ERRORS: Final = range(400, 500)
_WORTH_ANOTHER_TRY: Final = (408, 425, 429)


@asynccontextmanager
async def open_log_sink(execution_api_url: str) -> AsyncGenerator["HttpLogSink"]:
    """A sink that posts to `{execution_api_url}/execution/…`."""
    sink = HttpLogSink(execution_api_url)
    try:
        yield sink
    finally:
        await sink.close()


class HttpLogSink:
    """Posts chunks with the attempt's token."""

    def __init__(self, execution_api_url: str) -> None:
        self._base_url = execution_api_url.rstrip("/")
        self._client: httpx.AsyncClient | None = None

    async def append(self, attempt_id: UUID, token: str, sequence: int, records: bytes) -> None:
        import httpx  # 20 MB and 90 ms that a worker of short tasks never needs

        if self._client is None:
            limits = httpx.Limits(max_connections=_CONNECTIONS_MAX, max_keepalive_connections=_CONNECTIONS_MAX)
            self._client = httpx.AsyncClient(base_url=self._base_url, timeout=_TIMEOUT_SECONDS, limits=limits)
        try:
            response = await self._client.post(
                f"/execution/task-instances/{attempt_id}/logs",
                params={"sequence": sequence},
                content=records,
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"},
            )
        except httpx.HTTPError as exc:
            raise LogSinkFailed(f"the execution API cannot be reached: {exc!r}", retryable=True) from exc
        if response.is_success:
            return
        refused = response.status_code in _HTTP_CLIENT_ERRORS and response.status_code not in _WORTH_ANOTHER_TRY
        raise LogSinkFailed(f"the execution API answered {response.status_code}", retryable=not refused)

    async def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            await self._client.aclose()
