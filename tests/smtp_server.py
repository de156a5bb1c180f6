"""A mail server for tests: takes mails on the loopback interface and keeps them; plain, by STARTTLS, or over TLS."""

import base64
import datetime
import socketserver
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class MailServer:
    """Where it listens, and what it was given: recipients and mail, in order of arrival. `logins`: user and password of
    each login; `encrypted`: of each mail, whether it came over TLS."""

    def __init__(self) -> None:
        self.port = 0
        self.logins: list[tuple[str, str]] = []
        self.encrypted: list[bool] = []
        self.mails: list[tuple[tuple[str, ...], Message]] = []


def certificate(folder: Path) -> tuple[Path, Path]:
    """Files of a certificate for 127.0.0.1 that nobody but itself vouches for, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    files = folder / "mail.crt", folder / "mail.key"
    files[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return files


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, mails: MailServer, context: ssl.SSLContext | None, *, at_once: bool) -> None:
        self.mails, self.context, self.at_once = mails, context, at_once
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(socketserver.BaseRequestHandler):
    server: _Listener  # pyright: ignore[reportIncompatibleVariableOverride] - no other makes one

    def handle(self) -> None:
        self.connection, self.is_encrypted = self.request, False
        self.recipients: list[str] = []
        try:
            self._open(encrypted=self.server.at_once)
            self.write(b"220 ready\r\n")
            while (line := self.read.readline()) and self._obey(line[:4].upper().strip(), line):
                pass
        except ssl.SSLError:
            pass  # the client does not trust us, and says so
        finally:
            self.connection.close()

    def _open(self, *, encrypted: bool) -> None:
        if encrypted:
            assert self.server.context is not None
            self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
            self.is_encrypted = True
        self.read, self.write = self.connection.makefile("rb"), self.connection.sendall

    def _obey(self, word: bytes, line: bytes) -> bool:
        """False = that was all."""
        match word:
            case b"EHLO":
                offers = b"250-STARTTLS\r\n" if self.server.context is not None and not self.is_encrypted else b""
                self.write(b"250-here\r\n" + offers + b"250 AUTH PLAIN\r\n")
            case b"STAR":
                self.write(b"220 go on\r\n")
                self._open(encrypted=True)
            case b"QUIT":
                self.write(b"221 bye\r\n")
                return False
            case _:
                self._take(word, line)
                self.write(b"235 welcome\r\n" if word == b"AUTH" else b"250 ok\r\n")
        return True

    def _take(self, word: bytes, line: bytes) -> None:
        mails = self.server.mails
        if word == b"AUTH":
            _, user, password = base64.b64decode(line.split()[-1]).decode().split("\0")
            mails.logins.append((user, password))
        if word == b"RCPT":
            self.recipients.append(line.decode().partition("<")[2].partition(">")[0])
        if word == b"DATA":
            self.write(b"354 go on\r\n")
            lines = list(iter(self.read.readline, b".\r\n"))
            mails.mails.append((tuple(self.recipients), message_from_bytes(b"".join(lines), policy=default)))
            mails.encrypted.append(self.is_encrypted)


@contextmanager
def mail_server(*, files: tuple[Path, Path] | None = None, at_once: bool = False) -> Generator[MailServer]:
    """A running server; with a certificate it offers STARTTLS, or speaks TLS from the first byte (`at_once`)."""
    server, context = MailServer(), None
    if files is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
    with _Listener(server, context, at_once=at_once) as listener:
        server.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()
