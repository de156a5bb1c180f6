"""Where browsers may be sent, and whose pages they may come from."""

from urllib.parse import urlsplit

import pytest
from fastapi import Request
from hypothesis import example, given
from hypothesis import strategies as st

from tradewind.api.errors import Forbidden
from tradewind.api.identity.origins import check_own_name, check_own_page, is_here, is_over_tls

HERE = frozenset({("http", "localhost", 8080), ("https", "tradewind.example.org", 443)})


@pytest.mark.parametrize(
    "url",
    [
        "/",
        "/dags",
        "/dags/a b?tags=x&y=%2F#z",
        "/dags?next=https://evil.example",
        "http://localhost:8080",
        "http://localhost:8080/dags",
        "HTTPS://Tradewind.Example.org/dags",
        "https://tradewind.example.org:443/",
    ],
)
def test_addresses_of_ours_are_here(url: str) -> None:
    assert is_here(url, HERE)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "dags",
        "//evil.example",
        "///evil.example",
        "/%2Fevil.example",
        "/\\evil.example",
        "/%5Cevil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/%09/evil.example",
        "\n//evil.example",
        " //evil.example",
        "https://evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https:\\\\evil.example",
        "http://localhost:8081/",
        "https://localhost:8080/",
        "http://localhost:8080@evil.example/",
        "http://evil.example@localhost:8080/",
        "https://tradewind.example.org.evil.example/",
        "https://tradewind.example.org:444/",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://[",
        "http://localhost:port/",
    ],
)
def test_addresses_of_others_are_not(url: str) -> None:
    assert not is_here(url, HERE)


@given(st.text(alphabet="/\\:@.%aeh5cF2 \t\nhttps?#[]", max_size=24))
@example("//x")
def test_a_browser_sent_here_stays(url: str) -> None:
    """Browsers drop tabs and line ends, and read backslashes as slashes."""
    if is_here(url, HERE):
        seen = "".join(char for char in url if char not in "\t\r\n").strip().replace("\\", "/")
        parts = urlsplit(seen)
        assert not seen.startswith("//")
        assert (parts.scheme, parts.netloc) == ("", "") or parts.hostname in ("localhost", "tradewind.example.org")


OUTSIDE = "https://tradewind.example.org"


def request(method: str = "POST", scheme: str = "http", **headers: str) -> Request:
    """As it arrives behind a proxy that ends TLS, unless said otherwise."""
    named = {"host": "tradewind.example.org", **headers}
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()]
    port = 80 if scheme == "http" else 443
    scope = {"type": "http", "method": method, "scheme": scheme, "path": "/x", "query_string": b"", "headers": raw}
    return Request(scope | {"server": ("10.0.0.1", port)})


@pytest.mark.parametrize(
    ("base_url", "headers", "is_own"),
    [
        (None, {"origin": OUTSIDE}, True),
        (None, {"origin": "https://tradewind.example.org:8443"}, False),
        (None, {"origin": "https://evil.example"}, False),
        (None, {"origin": "https://evil.example", "sec_fetch_site": "same-origin"}, True),  # no page can set that
        (OUTSIDE, {"origin": OUTSIDE, "host": "10.0.0.1:8080"}, True),
        (OUTSIDE, {"origin": "http://10.0.0.1:8080", "host": "10.0.0.1:8080"}, True),
        (OUTSIDE, {"origin": "http://other.example.org", "host": "10.0.0.1:8080"}, False),
    ],
)
def test_pages_of_ours_are_known_behind_a_proxy(base_url: str | None, headers: dict[str, str], *, is_own: bool) -> None:
    if is_own:
        check_own_page(request(**headers), base_url, must_be_said=True)
    else:
        with pytest.raises(Forbidden):
            check_own_page(request(**headers), base_url, must_be_said=True)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_is_for_any_page(method: str) -> None:
    check_own_page(request(method, origin="https://evil.example"), None, must_be_said=True)


def test_who_need_not_say_where_they_come_from_may_keep_it_to_themselves() -> None:
    check_own_page(request(), None, must_be_said=False)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        with pytest.raises(Forbidden):
            check_own_page(request(method), None, must_be_said=True)
        with pytest.raises(Forbidden):
            check_own_page(request(method, origin="https://evil.example"), None, must_be_said=False)


def test_tls_is_what_the_browser_sees() -> None:
    assert not is_over_tls(request(), None)
    assert is_over_tls(request(scheme="https"), None)
    assert is_over_tls(request(), OUTSIDE)
    assert not is_over_tls(request(), "http://tradewind.example.org")


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "tradewind", "a.localhost"])
def test_names_that_nobody_elses_dns_gives(host: str) -> None:
    check_own_name(request(host=host), None)


def test_a_name_of_the_settings_is_ours() -> None:
    check_own_name(request(), OUTSIDE)
    for base_url in (None, "https://other.example.org"):
        with pytest.raises(Forbidden, match="BASE_URL"):
            check_own_name(request(), base_url)
