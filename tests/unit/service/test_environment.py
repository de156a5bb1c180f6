"""Texts become settings of the right type, or an error that names the variable and what it should be."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest

from tradewind.core.errors import ConfigError
from tradewind.service.environment import Names, SecretStr, from_environment, read_by, with_given


class Group(msgspec.Struct, frozen=True):
    """One of each kind."""

    count: Annotated[int, msgspec.Meta(ge=1)] = 3
    most: Annotated[int, msgspec.Meta(ge=1)] | None = None
    seconds: Annotated[float, msgspec.Meta(gt=0)] = 1.5
    enabled: bool = False
    name: str | None = None
    secret: SecretStr | None = None
    folder: Path | None = None
    names: Names = ("default",)
    format: Literal["json", "console"] = "json"
    backwards: Annotated[str, read_by(lambda text: text[::-1])] = ""


class Settings(msgspec.Struct, frozen=True):
    """What a service would read."""

    home: Path = Path("/home")
    group: Group = Group()


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("COUNT", " 5 ", 5),
        ("MOST", "7", 7),
        ("SECONDS", "2", 2.0),
        ("SECONDS", "1e-3", 0.001),
        *(("ENABLED", text, True) for text in ("1", "true", "True", "t", "yes", "Y", "on", " on ")),
        *(("ENABLED", text, False) for text in ("0", "false", "F", "no", "n", "OFF")),
        ("NAME", " with blanks ", " with blanks "),
        ("NAME", "", ""),
        ("SECRET", " its own blanks ", SecretStr(" its own blanks ")),
        ("FOLDER", "/srv/dags", Path("/srv/dags")),
        ("NAMES", "default, big,", ("default", "big")),
        ("NAMES", "", ()),
        ("FORMAT", "console", "console"),
        ("BACKWARDS", "abc", "cba"),
    ],
)
def test_a_text_becomes_what_its_field_holds(
    monkeypatch: pytest.MonkeyPatch, field: str, text: str, value: object
) -> None:
    monkeypatch.setenv(f"TEST__GROUP__{field}", text)
    read = getattr(from_environment(Settings, "TEST__").group, field.lower())
    assert (read, type(read)) == (value, type(value))


def test_what_is_not_named_keeps_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST__GROUP__OTHER", "x")
    monkeypatch.setenv("TEST__OTHER", "x")
    monkeypatch.setenv("test__home", "/lower/case")
    assert from_environment(Settings, "TEST__") == Settings(home=Path("/lower/case"))


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("COUNT", "eighty", "'eighty' does not fit: Expected `int`"),
        ("COUNT", "", "'' does not fit: Expected `int`"),
        ("COUNT", "0", "'0' does not fit: Expected `int` >= 1"),
        ("SECONDS", "-1", "'-1' does not fit: Expected `float` > 0.0"),
        ("ENABLED", "maybe", "'maybe' is neither true nor false"),
        ("FORMAT", "xml", "'xml' does not fit: it is none of 'json', 'console'"),
    ],
)
def test_what_does_not_fit_names_itself(monkeypatch: pytest.MonkeyPatch, field: str, text: str, words: str) -> None:
    monkeypatch.setenv(f"TEST__GROUP__{field}", text)
    with pytest.raises(ConfigError) as caught:
        from_environment(Settings, "TEST__")
    assert str(caught.value) == f"TEST__GROUP__{field}: {words}"


def test_all_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST__GROUP__COUNT", "x")
    monkeypatch.setenv("TEST__GROUP__ENABLED", "x")
    with pytest.raises(ConfigError, match=r"TEST__GROUP__COUNT: .*; TEST__GROUP__ENABLED: "):
        from_environment(Settings, "TEST__")


def test_what_is_given_goes_before_what_was_read() -> None:
    read = Group(count=4, enabled=True)
    assert with_given(read, {"count": "5", "names": "a,b", "most": None}, str) == Group(
        count=5, enabled=True, names=("a", "b")
    )
    with pytest.raises(ConfigError, match=r"^--count: 0 does not fit: Expected `int` >= 1$"):
        with_given(read, {"count": 0}, "--{}".format)


def test_a_secret_is_not_shown() -> None:
    group = Group(secret=SecretStr("hidden"))
    assert "hidden" not in f"{group} {group.secret} {group.secret!r}"
    assert group.secret is not None
    assert group.secret.get_secret_value() == "hidden"
