"""Options as the text of a configuration file."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from tradewind.cli.configuration.commands import line_of
from tradewind.service.configuration.listing import DEFAULT, Option, Remark, ours

HIDDEN: Final = "< hidden >"
_BOLD, _DIM, _CYAN, _END = "\x1b[1m", "\x1b[2m", "\x1b[36m", "\x1b[0m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What is shown besides names and values."""

    sources: bool
    descriptions: bool
    variables: bool
    defaults: bool
    commented: bool
    secrets: bool
    colored: bool


def printed(options: Sequence[Option], remarks: Sequence[Remark], style: Style) -> str:
    """The whole text, a newline at its end."""
    lines: list[str] = []
    for section, group in groupby(options, key=lambda option: option.section):
        if section:
            lines.append(_colored(f"[{section}]", _BOLD, style))
        for option in group:
            lines += [_colored(f"# {text}", _DIM, style) for text in _comments(option, style)]
            lines.append(_assignment(option, style))
        lines.append("")
    lines += [_colored(f"# {line_of(remark)}", _DIM, style) for remark in remarks]
    return "\n".join(lines) + "\n"


def _comments(option: Option, style: Style) -> Iterator[str]:
    if style.descriptions and option.says:
        yield from textwrap.wrap(option.says, 110)
    if style.variables:
        yield f"Variable: {ours(option.name.lstrip('.'))}"
    if not style.defaults and (style.sources or option.source != DEFAULT):
        yield f"source: {option.source}"


def _assignment(option: Option, style: Style) -> str:
    text = option.default if style.defaults else option.text
    if option.is_secret and text and not style.secrets:
        text = HIDDEN
    # A value of several lines goes on indented, as files have it.
    value = (text or "").replace("\n", "\n    ")
    before = "# " if style.commented else ""
    return f"{before}{_colored(option.key, _CYAN, style)} = {value}".rstrip()


def _colored(text: str, color: str, style: Style) -> str:
    return f"{color}{text}{_END}" if style.colored else text
