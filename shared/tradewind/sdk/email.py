"""Mail over SMTP, with Airflow's `[email]` and `[smtp]` settings; `[email] email_backend` may name another way."""

import logging
import smtplib
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from importlib import import_module
from mimetypes import guess_type
from pathlib import Path
from typing import Any, Final

from tradewind.core.errors import ConfigError
from tradewind.sdk.configuration import conf
from tradewind.sdk.exceptions import AirflowConfigException, AirflowException, AirflowNotFoundException

DEFAULT_BACKEND: Final = "airflow.utils.email.send_email_smtp"
DEFAULT_CONNECTION: Final = "smtp_default"
DEFAULT_SENDER: Final = "airflow@example.com"

log = logging.getLogger("tradewind.task")


@dataclass(frozen=True, slots=True)
class _Server:
    host: str
    port: int
    user: str | None
    password: str | None
    starttls: bool
    use_ssl: bool
    timeout_seconds: float
    tries: int


def send_email(
    to: str | Iterable[str],
    subject: str,
    html_content: str,
    files: Sequence[str] | None = None,
    dryrun: bool = False,
    cc: str | Iterable[str] | None = None,
    bcc: str | Iterable[str] | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    conn_id: str | None = None,
    custom_headers: dict[str, Any] | None = None,
    **kwargs: Any,
) -> None:
    """Send a mail by the configured backend: SMTP unless `[email] email_backend` names a function."""
    path = conf.get("email", "email_backend", fallback=DEFAULT_BACKEND) or DEFAULT_BACKEND
    backend = send_email_smtp if path == DEFAULT_BACKEND else _imported(path)
    backend(
        get_email_address_list(to),
        subject,
        html_content,
        files=files,
        dryrun=dryrun,
        cc=cc,
        bcc=bcc,
        mime_subtype=mime_subtype,
        mime_charset=mime_charset,
        conn_id=conn_id or conf.get("email", "email_conn_id", fallback=DEFAULT_CONNECTION),
        from_email=kwargs.pop("from_email", None) or conf.get("email", "from_email", fallback=None),
        custom_headers=custom_headers,
        **kwargs,
    )


def send_email_smtp(
    to: str | Iterable[str],
    subject: str,
    html_content: str,
    files: Sequence[str] | None = None,
    dryrun: bool = False,
    cc: str | Iterable[str] | None = None,
    bcc: str | Iterable[str] | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    conn_id: str | None = None,
    from_email: str | None = None,
    custom_headers: dict[str, Any] | None = None,
    **_kwargs: Any,
) -> None:
    """Send a mail over SMTP. Raises AirflowException naming the server if it cannot be delivered to it."""
    message = EmailMessage()
    recipients = get_email_address_list(to)
    message["Subject"] = subject
    message["From"] = from_email or conf.get("smtp", "smtp_mail_from", fallback=DEFAULT_SENDER) or DEFAULT_SENDER
    message["To"] = ", ".join(recipients)
    if cc:
        recipients += get_email_address_list(cc)
        message["Cc"] = ", ".join(get_email_address_list(cc))
    if bcc:
        recipients += get_email_address_list(bcc)
    message["Date"] = formatdate(localtime=True)
    for name, value in (custom_headers or {}).items():
        message[name] = str(value)
    message.set_content(html_content, subtype="html", charset=mime_charset)
    for file in files or ():
        _attach(message, Path(file))
    if not dryrun:
        _deliver(message, recipients, _server(conn_id))


def get_email_address_list(addresses: str | Iterable[str]) -> list[str]:
    """The addresses: a text may hold several, separated by commas or semicolons."""
    if isinstance(addresses, str):
        return [part.strip() for part in addresses.replace(";", ",").split(",") if part.strip()]
    return [one for address in addresses for one in get_email_address_list(address)]


def _attach(message: EmailMessage, file: Path) -> None:
    kind, _, subtype = (guess_type(file.name)[0] or "application/octet-stream").partition("/")
    message.add_attachment(file.read_bytes(), maintype=kind, subtype=subtype, filename=file.name)


def _server(conn_id: str | None) -> _Server:
    """By the connection if one is named and exists, else by `[smtp]`."""
    server = _Server(
        host=conf.get("smtp", "smtp_host", fallback="localhost") or "localhost",
        port=conf.getint("smtp", "smtp_port", fallback=25),
        user=conf.get("smtp", "smtp_user", fallback=None),
        password=conf.get("smtp", "smtp_password", fallback=None),
        starttls=conf.getboolean("smtp", "smtp_starttls", fallback=True),
        use_ssl=conf.getboolean("smtp", "smtp_ssl", fallback=False),
        timeout_seconds=conf.getfloat("smtp", "smtp_timeout", fallback=30),
        tries=max(1, conf.getint("smtp", "smtp_retry_limit", fallback=5)),
    )
    return server if conn_id is None else _of_connection(conn_id, server)


def _of_connection(conn_id: str, default: _Server) -> _Server:
    from tradewind.sdk.connection import Connection

    try:
        connection = Connection.get(conn_id)
    except AirflowNotFoundException:
        return default
    except (AirflowException, ConfigError) as exc:
        log.warning("connection %r cannot be looked up, mail goes by the settings: %s", conn_id, exc)
        return default
    extra = connection.extra_dejson
    return _Server(
        host=connection.host or default.host,
        port=connection.port or default.port,
        user=connection.login or default.user,
        password=connection.password or default.password,
        starttls=not _is_true(extra.get("disable_tls", not default.starttls)),
        use_ssl=not _is_true(extra.get("disable_ssl", not default.use_ssl)),
        timeout_seconds=float(extra.get("timeout", default.timeout_seconds)),
        tries=max(1, int(extra.get("retry_limit", default.tries))),
    )


def _is_true(value: object) -> bool:
    return str(value).lower() in ("true", "1", "yes", "on")


def _deliver(message: EmailMessage, recipients: list[str], server: _Server) -> None:
    for left in range(server.tries - 1, -1, -1):
        try:
            _deliver_once(message, recipients, server)
        except (smtplib.SMTPServerDisconnected, OSError) as exc:
            if left == 0:
                where = f"{server.host}:{server.port}"
                raise AirflowException(f"the mail server {where} does not take the mail: {exc}") from exc
        else:
            return


def _deliver_once(message: EmailMessage, recipients: list[str], server: _Server) -> None:
    with _connected(server) as smtp:
        if server.starttls and not server.use_ssl:
            smtp.starttls(context=_ssl_context())
        if server.user and server.password:
            smtp.login(server.user, server.password)
        smtp.send_message(message, to_addrs=recipients)


def _connected(server: _Server) -> smtplib.SMTP:
    if server.use_ssl:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout_seconds, context=_ssl_context())
    return smtplib.SMTP(server.host, server.port, timeout=server.timeout_seconds)


def _ssl_context() -> ssl.SSLContext | None:
    """By `[email] ssl_context`: `default` checks the server's certificate, `none` does not."""
    wanted = conf.get("email", "ssl_context", fallback="default")
    if wanted not in ("default", "none"):
        raise AirflowConfigException(f"[email] ssl_context must be 'default' or 'none', not {wanted!r}")
    return ssl.create_default_context() if wanted == "default" else None


def _imported(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as exc:
        raise AirflowConfigException(f"[email] email_backend: {path!r} cannot be imported: {exc}") from exc
