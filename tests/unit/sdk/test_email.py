"""Mail over SMTP: encrypted or not, to the server of a connection or of the settings."""

from collections.abc import Callable
from email.message import Message
from pathlib import Path

import pytest

from tests.smtp_server import MailServer, certificate, mail_server
from tradewind.sdk.email import get_email_address_list, send_email
from tradewind.sdk.exceptions import AirflowConfigException, AirflowException

Set = Callable[..., None]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Set `[smtp]` settings, and others by their whole names."""

    def set_all(**values: object) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name if name.startswith("AIRFLOW") else f"AIRFLOW__SMTP__{name.upper()}", str(value))

    set_all(smtp_host="127.0.0.1", smtp_retry_limit=1, smtp_mail_from="us@here", AIRFLOW__EMAIL__SSL_CONTEXT="none")
    return set_all


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("certificate"))


def _only(server: MailServer) -> tuple[tuple[str, ...], Message]:
    (mail,) = server.mails
    return mail


def test_starttls_is_used_by_default(settings: Set, files: tuple[Path, Path]) -> None:
    with mail_server(files=files) as server:
        settings(smtp_port=server.port, smtp_user="ann", smtp_password="very-secret")
        send_email("a@x; b@x", "Subject", "<b>text</b>", cc=["c@x"], bcc="d@x")
    recipients, message = _only(server)
    assert recipients == ("a@x", "b@x", "c@x", "d@x")
    assert (message["From"], message["To"], message["Cc"], message["Bcc"]) == ("us@here", "a@x, b@x", "c@x", None)
    assert (server.encrypted, server.logins) == ([True], [("ann", "very-secret")])


def test_tls_from_the_first_byte(settings: Set, files: tuple[Path, Path]) -> None:
    with mail_server(files=files, at_once=True) as server:
        settings(smtp_port=server.port, smtp_ssl=True)
        send_email("a@x", "s", "t")
    assert server.encrypted == [True]


def test_plain_if_wanted(settings: Set) -> None:
    with mail_server() as server:
        settings(smtp_port=server.port, smtp_starttls=False)
        send_email("a@x", "s", "t", files=[__file__])
    assert server.encrypted == [False]
    assert [part.get_filename() for part in _only(server)[1].iter_attachments()] == ["test_email.py"]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType] - of EmailMessage


@pytest.mark.parametrize("at_once", [False, True])
def test_certificate_nobody_vouches_for_is_refused(settings: Set, files: tuple[Path, Path], at_once: bool) -> None:
    with mail_server(files=files, at_once=at_once) as server:
        settings(smtp_port=server.port, smtp_ssl=at_once, AIRFLOW__EMAIL__SSL_CONTEXT="default")
        with pytest.raises(
            AirflowException, match=rf"127\.0\.0\.1:{server.port} does not take the mail: .*CERTIFICATE"
        ):
            send_email("a@x", "s", "t")
    assert server.mails == []


@pytest.mark.parametrize("conn_id", ["smtp_default", "mails"])
def test_server_of_a_connection(settings: Set, files: tuple[Path, Path], conn_id: str) -> None:
    with mail_server(files=files) as server:
        settings(smtp_host="nowhere.invalid", smtp_port=1)
        uri = f"smtp://bob:hidden-word@127.0.0.1:{server.port}/?disable_ssl=true"
        settings(**{f"AIRFLOW_CONN_{conn_id.upper()}": uri, "AIRFLOW__EMAIL__EMAIL_CONN_ID": conn_id})
        send_email("a@x", "s", "t")
    assert (server.encrypted, server.logins) == ([True], [("bob", "hidden-word")])


def test_connection_that_speaks_tls_at_once(settings: Set, files: tuple[Path, Path]) -> None:
    with mail_server(files=files, at_once=True) as server:
        uri = f"smtp://127.0.0.1:{server.port}/?disable_ssl=false&retry_limit=1"
        settings(AIRFLOW_CONN_MAILS=uri)
        send_email("a@x", "s", "t", conn_id="mails")
    assert server.encrypted == [True]


def test_wrong_settings_and_servers_are_named(settings: Set) -> None:
    settings(smtp_port=1)
    with pytest.raises(AirflowException, match=r"127\.0\.0\.1:1 does not take the mail"):
        send_email("a@x", "s", "t")
    settings(AIRFLOW__EMAIL__SSL_CONTEXT="maybe", smtp_ssl=True)
    with pytest.raises(AirflowConfigException, match="ssl_context must be 'default' or 'none', not 'maybe'"):
        send_email("a@x", "s", "t")
    settings(AIRFLOW__EMAIL__EMAIL_BACKEND="no.such.function")
    with pytest.raises(AirflowConfigException, match=r"no\.such\.function"):
        send_email("a@x", "s", "t")
    assert get_email_address_list(["a, b", "c"]) == ["a", "b", "c"]
