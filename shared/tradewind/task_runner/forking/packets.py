"""One end of a SOCK_SEQPACKET pair on an event loop: packets out in order, packets in by callback, never blocking."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from tradewind.task_runner.forking.protocol import PACKET_MAX_BYTES
from tradewind.wire.codec import encode


class PacketChannel:
    """Takes ownership of a socket. `on_packet` is called per packet, `on_end` once, when the other end is closed."""

    def __init__(self, sock: socket.socket, *, on_packet: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._on_packet = on_packet
        self._on_end = on_end
        self._outgoing: deque[tuple[bytes, Sequence[int]]] = deque()
        self._open = True
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._read)

    def send(self, message: msgspec.Struct, descriptors: Sequence[int] = ()) -> None:
        """Send now or as soon as there is room; the descriptors must stay open until the other side has answered.
        Does nothing once the channel has ended."""
        if not self._open:
            return
        self._outgoing.append((encode(message), descriptors))
        if len(self._outgoing) == 1:
            self._write()

    def close(self) -> None:
        """End it from this side, without `on_end`. Harmless when repeated."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._sock.fileno())
            self._loop.remove_writer(self._sock.fileno())
            self._sock.close()

    def _write(self) -> None:
        while self._outgoing:
            data, descriptors = self._outgoing[0]
            try:
                socket.send_fds(self._sock, [data], descriptors)
            except BlockingIOError:
                self._loop.add_writer(self._sock.fileno(), self._write)
                return
            except OSError:
                self._outgoing.clear()  # the other end is gone: the reader sees its end too
                break
            self._outgoing.popleft()
        self._loop.remove_writer(self._sock.fileno())

    def _read(self) -> None:
        while self._open:
            try:
                data = self._sock.recv(PACKET_MAX_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.close()
                self._on_end()
                return
            self._on_packet(data)
