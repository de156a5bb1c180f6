"""Signatures of deliveries, and what of a payload becomes a run's conf."""

import pytest

from tradewind.api.triggers.payloads import NotInPayload, conf_of
from tradewind.api.triggers.signatures import is_signed, is_timely, signature, signed_bytes


def test_the_example_of_githubs_documentation() -> None:
    wanted = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signature("It's a Secret to Everybody", signed_bytes("github", "", b"Hello, World!")) == wanted
    assert is_signed(["another", "It's a Secret to Everybody"], wanted, b"Hello, World!")


def test_our_format_signs_the_time() -> None:
    assert signed_bytes("tradewind", "17", b"{}") == b"17.{}"


@pytest.mark.parametrize("given", ["", "sha256=", "sha1=" + "0" * 40, "sha256=" + "0" * 64, "sha256=\u00e9", "\u20ac"])
def test_another_signature_is_refused(given: str) -> None:
    assert not is_signed(["secret"], given, b"body")


def test_without_a_secret_nothing_is_signed() -> None:
    assert not is_signed([], signature("", b"body"), b"body")


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        *(("1000", True), ("700", True), ("1300", True), ("699", False), ("1301", False)),
        *(("", False), ("-1000", False), ("1e3", False), ("1000.0", False), ("\u0661\u0660\u0660\u0660", False)),
        ("9" * 40, False),
    ],
)
def test_timestamps(timestamp: str, expected: bool) -> None:
    assert is_timely(timestamp, 1000.0, 300.0) is expected


PAYLOAD = {"ref": "main", "commits": [{"id": "c1"}], "none": None, "a.b": 1}


@pytest.mark.parametrize(
    ("path", "expected"), [("ref", "main"), ("commits.0.id", "c1"), ("commits.0", {"id": "c1"}), ("none", None)]
)
def test_paths(path: str, expected: object) -> None:
    assert conf_of(PAYLOAD, None, {"key": path}) == {"key": expected}


@pytest.mark.parametrize("path", ["nothing", "commits.1", "commits.-1", "commits.id", "ref.0", "none.x", "a.b", "ref."])
def test_paths_to_nowhere(path: str) -> None:
    with pytest.raises(NotInPayload, match="key"):
        conf_of(PAYLOAD, None, {"key": path})


def test_the_whole_payload() -> None:
    assert conf_of([1], None, None) == {"payload": [1]}
    assert conf_of([1], "push", None) == {"payload": [1], "event": "push"}
    assert conf_of(PAYLOAD, "push", {"all": ""}) == {"all": PAYLOAD}
