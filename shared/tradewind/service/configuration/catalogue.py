"""Every setting of every service, as `settings.json` beside this says: no service knows the others' settings, and what
shows or checks names needs them all. Written by `python -m tradewind.cli.configuration.writing`."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

PATH: Final = Path(__file__).parent / "settings.json"


class Setting(msgspec.Struct, frozen=True, omit_defaults=True):
    """`name` is `section.key`, or `home`; `default` the text that would say the same, null for none."""

    name: str
    says: str
    """What it means, as its field says."""
    default: str | None = None
    is_secret: bool = False
    services: tuple[str, ...] = ()
    """Whose it is; none = everyone's."""


class _Name(msgspec.Struct):
    name: str


def names_of_all() -> set[str]:
    """The names alone, read anew: who asks once keeps nothing."""
    return {setting.name for setting in msgspec.json.decode(PATH.read_bytes(), type=list[_Name])}


@cache
def settings_of_all() -> Sequence[Setting]:
    """In the order of their sections and fields."""
    return msgspec.json.decode(PATH.read_bytes(), type=tuple[Setting, ...])
