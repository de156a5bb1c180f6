"""A TCP relay in front of a server: cutting it looks to both sides like a lost network or a dead peer."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress


class TcpProxy:
    """Relays connections from `port` on loopback to one address."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._writers: dict[asyncio.StreamWriter, None] = {}
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.is_refusing = False
        """New connections are closed at once while this is set."""
        self.delay_seconds = 0.0
        """Every piece of data waits for so long, in both directions."""
        self.connections = 0
        """Connections relayed so far."""
        self.port = 0

    def cut(self) -> None:
        """Break every connection there is, without a farewell."""
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Pass nothing on, in either direction, until `thaw`."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Pass on again, beginning with what was held back."""
        self._flowing.set()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        if self.is_refusing:
            writer.transport.abort()
            return
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self.connections += 1
        self._writers |= {writer: None, upstream_writer: None}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, upstream_writer), name="to the server")
                group.create_task(self._pump(upstream_reader, writer), name="to the client")
        finally:
            for ended in (writer, upstream_writer):
                self._writers.pop(ended, None)
                ended.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                await asyncio.sleep(self.delay_seconds)
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def tcp_proxy(host: str, port: int) -> AsyncGenerator[TcpProxy]:
    """A proxy to this address, for as long as the context lasts."""
    proxy = TcpProxy(host, port)
    server = await asyncio.start_server(proxy.relay, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        proxy.is_refusing = True
        proxy.thaw()
        server.close()
        proxy.cut()
        await server.wait_closed()
