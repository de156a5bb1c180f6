"""Where browsers may be sent."""

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tradewind.api.identity.origins import is_here

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
