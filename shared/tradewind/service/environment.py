"""Settings from strings, as the environment and the command line give them, checked by the types of frozen structs.

Validation comes from msgspec, which every service has for its messages: a library for settings alone was a quarter of
the memory of an idle service.
"""

import enum
import os
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from tradewind.core.errors import ConfigError
from tradewind.service.configuration.sources import Found, output_of

SettingsT = TypeVar("SettingsT", bound=msgspec.Struct)

FLAGS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("1", "true", "t", "yes", "y", "on"), True),
    **dict.fromkeys(("0", "false", "f", "no", "n", "off"), False),
}
_READER: Final = "reader"

Fallback = Callable[[str], Found | None]
"""What else says something of a setting (`group.field`, in small letters), and where."""


class SecretStr:
    """A text that is shown as asterisks wherever it is not asked for on purpose."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "SecretStr('**********')" if self._value else "SecretStr('')"

    def __str__(self) -> str:
        return "**********" if self._value else ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)


def read_by(reader: Callable[[str], object]) -> msgspec.Meta:
    """For `Annotated`: how a field's text becomes its value. `reader` raises ValueError, which says what is wrong."""
    return msgspec.Meta(extra={_READER: reader})


def split_names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


Names = Annotated[tuple[str, ...], read_by(split_names)]
"""Separated by commas."""


def _nothing(_setting: str) -> Found | None:
    return None


def from_environment(kind: type[SettingsT], prefix: str, fallback: Fallback = _nothing) -> SettingsT:
    """`<prefix><FIELD>`, and `<prefix><GROUP>__<FIELD>` for the fields of fields that are structs themselves; what the
    environment does not name, the fallback may; else it keeps its default. Of secrets, `…_CMD` may name a command that
    prints them. Raises `ConfigError` that names each wrong variable, or what else said it."""
    problems: list[str] = []
    environment = {name.upper(): text for name, text in os.environ.items()}
    settings = _loaded(kind, _Texts(environment, prefix, fallback), "", problems)
    if problems:
        raise ConfigError("; ".join(problems))
    return settings


class _Texts:
    """Where texts come from."""

    def __init__(self, environment: Mapping[str, str], prefix: str, fallback: Fallback) -> None:
        self._environment = environment
        self._prefix = prefix
        self._fallback = fallback

    def find(self, setting: str, *, is_secret: bool) -> Found | None:
        """Of `group.field`."""
        name = self._prefix + setting.upper().replace(".", "__")
        if (text := self._environment.get(name)) is not None:
            return Found(text, name)
        if is_secret and (command := self._environment.get(f"{name}_CMD")) is not None:
            return Found(output_of(command, f"{name}_CMD"), f"{name}_CMD")
        return self._fallback(setting)


def _loaded(kind: type[SettingsT], texts: _Texts, group: str, problems: list[str]) -> SettingsT:
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        setting = group + field.name
        if is_group(field.type):
            values[field.name] = _loaded(field.type, texts, f"{setting}.", problems)
        elif (found := texts.find(setting, is_secret=is_secret(field.type))) is not None:
            try:
                values[field.name] = _value(field.type, found.text)
            except ValueError as exc:
                problems.append(f"{found.source}: {exc}")
    return kind(**values)


def is_secret(kind: Any) -> bool:
    """Whether a field of this type holds a secret."""
    return kind is SecretStr or (_is_union(kind) and SecretStr in get_args(kind))


def is_group(kind: Any) -> bool:
    """Whether fields of this type are groups of settings."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def with_given(group: SettingsT, given: Mapping[str, object], name_of: Callable[[str], str]) -> SettingsT:
    """The group with what is given by field (None = nothing is) in place of what it has. Raises `ConfigError` that
    names what does not fit as `name_of` its field says."""
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(group):
        if given.get(field.name) is not None:
            try:
                values[field.name] = _value(field.type, given[field.name])
            except ValueError as exc:
                raise ConfigError(f"{name_of(field.name)}: {exc}") from None
    return msgspec.structs.replace(group, **values)


def _value(kind: Any, given: object) -> object:
    """Raises ValueError."""
    value = _reader(kind)(given) if isinstance(given, str) else given
    try:
        return msgspec.convert(value, kind, strict=False, dec_hook=_custom)
    except msgspec.ValidationError as exc:
        raise ValueError(f"{given!r} does not fit: {_wanted(kind) or str(exc).partition(', got')[0]}") from None


def _reader(kind: Any) -> Callable[[str], object]:
    for meta in getattr(kind, "__metadata__", ()):
        if isinstance(meta, msgspec.Meta) and meta.extra and _READER in meta.extra:
            return meta.extra[_READER]
    if kind is bool:
        return read_flag
    return str if _takes_text(kind) else str.strip


def _takes_text(kind: Any) -> bool:
    """Whether blanks at the ends may be meant."""
    return kind is str or kind is SecretStr or (_is_union(kind) and any(map(_takes_text, get_args(kind))))


def read_flag(text: str) -> bool:
    """Raises ValueError."""
    try:
        return FLAGS[text.strip().lower()]
    except KeyError:
        raise ValueError(f"{text!r} is neither true nor false") from None


def _custom(kind: Callable[[object], object], value: object) -> object:
    """Of types that msgspec does not know: paths and secrets, made from text."""
    return kind(value)


def _wanted(kind: Any) -> str:
    """The values that there are, for a choice; else an empty text."""
    if get_origin(kind) is Literal:
        choices: tuple[object, ...] = get_args(kind)
    elif isinstance(kind, type) and issubclass(kind, enum.Enum):
        choices = tuple(str(member.value) for member in kind)
    else:
        return ""
    return "it is none of " + ", ".join(map(repr, choices))


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType)
