"""A server that speaks S3's API, in this process: moto's."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import httpx
from moto.server import ThreadedMotoServer

from tests.servers.process import free_ports

REGION: Final = "us-east-1"


@dataclass(slots=True, kw_only=True)
class S3Server:
    """It can be stopped and started again; it keeps its objects meanwhile."""

    port: int
    _server: ThreadedMotoServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def extra(self) -> dict[str, str]:
        """Of a connection that leads here."""
        return {"endpoint_url": self.url, "region_name": REGION}

    def start(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    async def make_bucket(self, name: str) -> None:
        async with httpx.AsyncClient(timeout=60.0) as client:
            (await client.put(f"{self.url}/{name}")).raise_for_status()

    async def object(self, bucket: str, key: str) -> httpx.Response:
        """As the server holds it, with its headers."""
        async with httpx.AsyncClient(timeout=60.0) as client:
            # It does not check signatures, but that there is one.
            scope = f"Credential=key/20260101/{REGION}/s3/aws4_request, SignedHeaders=host, Signature=0"
            return await client.get(
                f"{self.url}/{bucket}/{key}", headers={"Authorization": f"AWS4-HMAC-SHA256 {scope}"}
            )


@contextmanager
def s3_server() -> Generator[S3Server]:
    """Runs until the context is left."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = S3Server(port=free_ports(1)[0])
    server.start()
    try:
        yield server
    finally:
        server.stop()
