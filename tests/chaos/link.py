"""The network between workers and broker: a relay in a thread of its own, which faults may cut, stall and slow."""

import asyncio
import threading
import urllib.parse
from collections.abc import Callable, Generator
from contextlib import contextmanager

from tests.servers.proxy import TcpProxy, tcp_proxy


class Link:
    """Callable from any thread."""

    def __init__(self, proxy: TcpProxy, loop: asyncio.AbstractEventLoop, url: str) -> None:
        self._proxy = proxy
        self._loop = loop
        self.url = urllib.parse.urlsplit(url)._replace(netloc=_netloc(url, proxy.port)).geturl()
        """The broker's address on this side of the relay."""

    def reset(self) -> None:
        """Break every connection there is."""
        self._call(self._proxy.cut)

    def cut(self) -> None:
        """Break every connection, and refuse new ones until `heal`."""
        self._set(is_refusing=True)
        self._call(self._proxy.cut)

    def stall(self) -> None:
        """Pass nothing on until `heal`."""
        self._call(self._proxy.freeze)

    def slow(self, delay_seconds: float) -> None:
        """Hold everything back for so long, until `heal`."""
        self._set(delay_seconds=delay_seconds)

    def heal(self) -> None:
        """Pass everything on again."""
        self._set(is_refusing=False, delay_seconds=0.0)
        self._call(self._proxy.thaw)

    def _set(self, **attributes: object) -> None:
        def assign() -> None:
            for name, value in attributes.items():
                setattr(self._proxy, name, value)

        self._call(assign)

    def _call(self, act: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(act)


def _netloc(url: str, port: int) -> str:
    parts = urllib.parse.urlsplit(url)
    credentials = parts.netloc.rpartition("@")[0]
    return f"{credentials}@127.0.0.1:{port}" if credentials else f"127.0.0.1:{port}"


@contextmanager
def link_to(url: str) -> Generator[Link]:
    """A relay to the broker at this address."""
    ready = threading.Event()
    opened: list[Link] = []
    stop = asyncio.Event()

    async def relay() -> None:
        parts = urllib.parse.urlsplit(url)
        async with tcp_proxy(parts.hostname or "127.0.0.1", parts.port or 5672) as proxy:
            opened.append(Link(proxy, asyncio.get_running_loop(), url))
            ready.set()
            await stop.wait()

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        thread = threading.Thread(target=runner.run, args=(relay(),), name="link")
        thread.start()
        ready.wait()
        try:
            yield opened[0]
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
