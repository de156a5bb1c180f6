"""A mail server for tests: takes mails over plain SMTP on the loopback interface and keeps them."""

import socketserver
import threading
from collections.abc import Generator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from email.policy import default


class MailServer:
    """Where it listens, and what it was given: recipients and mail, in order of arrival."""

    def __init__(self) -> None:
        self.port = 0
        self.mails: list[tuple[tuple[str, ...], Message]] = []


def _handler(server: MailServer) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 ready\r\n")
            recipients: list[str] = []
            while line := self.rfile.readline():
                word = line[:4].upper().strip()
                if word == b"RCPT":
                    recipients.append(line.decode().partition("<")[2].partition(">")[0])
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = list(iter(self.rfile.readline, b".\r\n"))
                    server.mails.append((tuple(recipients), message_from_bytes(b"".join(lines), policy=default)))
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
                if word == b"QUIT":
                    return

    return Handler


@contextmanager
def mail_server() -> Generator[MailServer]:
    """A running server."""
    server = MailServer()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _handler(server)) as listener:
        listener.daemon_threads = True
        server.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()
