"""Each value with its source, and what Airflow is told that means nothing here."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tradewind.service.configuration.airflow_options import IGNORED, IGNORED_SECTIONS, MAPPED, SECRETS, UNUSABLE
from tradewind.service.configuration.catalogue import settings_of_all
from tradewind.service.configuration.code_options import CODE_OPTIONS
from tradewind.service.configuration.fallback import AirflowFallback
from tradewind.service.configuration.renamed import RENAMED
from tradewind.service.configuration.sources import AirflowSources, CommandReader, Found, output_of

PREFIX: Final = "TRADEWIND__"
DEFAULT: Final = "default"
_ALIKE: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """`text` None: nothing is said, and there is no default. `source`: a variable, file and line, or `default`."""

    section: str
    key: str
    text: str | None
    source: str
    default: str | None = None
    is_secret: bool = False
    says: str = ""

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """About something that was given. `nearest`: the name that may have been meant."""

    name: str
    place: str
    text: str
    is_unknown: bool = False
    nearest: str | None = None


class Listing:
    """The configuration of an environment."""

    def __init__(self, environment: Mapping[str, str], *, asks_commands: bool = True) -> None:
        """`asks_commands` False: neither commands nor secrets backends are asked; what they would print is empty."""
        self._environment = {name.upper(): text for name, text in environment.items()}
        self._output_of: CommandReader = output_of if asks_commands else _unasked
        self.sources: Final = AirflowSources(
            environment, read_secret=None if asks_commands else _unasked, run_command=self._output_of
        )
        self._fallback = AirflowFallback(self.sources)

    def options(self, section: str | None = None) -> Sequence[Option]:
        """Everything, or a section of it, by section; commands are run for what they are to print."""
        unique: dict[str, Option] = {}
        for names in (self._settings, self._code_options, self._authors_own):
            for option in names(section):
                unique.setdefault(option.name, option)
        return sorted(unique.values(), key=lambda option: option.section)

    def option(self, section: str, key: str) -> Option | None:
        """One option, also by the name that Airflow has, or had, for it; None for what is not there."""
        name = f"{section.lower()}.{key.lower()}"
        name = RENAMED.get(name, name)
        asked = {name, MAPPED[name].setting} if name in MAPPED else {name}
        found = [option for each in asked for option in self.options(each.rpartition(".")[0]) if option.name in asked]
        return found[0] if found else None

    def remarks(self) -> Sequence[Remark]:
        """About what is given and ignored, and about names that nobody knows."""
        return [*self._about_airflow(), *self._about_ours()]

    def older_names(self) -> Sequence[tuple[str, str, str]]:
        """Place, name, present name of what is given under a name that Airflow 2 had."""
        given = ((place, f"{section}.{key}") for section, key, place in self.sources.given())
        return [(place, name, RENAMED[name]) for place, name in given if name in RENAMED]

    def _settings(self, section: str | None) -> Iterator[Option]:
        for setting in settings_of_all():
            group, _, key = setting.name.rpartition(".")
            if section in (None, group):
                found = self._ours(setting.name, is_secret=setting.is_secret) or self._fallback(setting.name)
                yield _option(group, key, found, setting.default, says=setting.says, is_secret=setting.is_secret)

    def _code_options(self, section: str | None) -> Iterator[Option]:
        for name, default in CODE_OPTIONS.items():
            group, _, key = name.rpartition(".")
            if section in (None, group):
                is_secret = name in SECRETS
                found = self._ours(name, is_secret=True) or self.sources.find(group, key, is_secret=True)
                yield _option(group, key, found, default, is_secret=is_secret)

    def _authors_own(self, section: str | None) -> Iterator[Option]:
        """Sections that only DAG files know, and `backend_kwarg__…`, of which each is one argument."""
        known = _known_sections()
        for group, key, place in self.sources.given():
            is_argument = "backend_kwarg__" in key
            if section in (None, group) and (group not in known or is_argument):
                found = self.sources.find(group, key) or Found("", place)
                yield _option(group, key, found, None, is_secret=is_argument)

    def _ours(self, name: str, *, is_secret: bool) -> Found | None:
        variable = ours(name)
        if (text := self._environment.get(variable)) is not None:
            return Found(text, variable)
        command = self._environment.get(f"{variable}_CMD") if is_secret else None
        return None if command is None else Found(self._output_of(command, f"{variable}_CMD"), f"{variable}_CMD")

    def _about_airflow(self) -> Iterator[Remark]:
        for section, key, place in self.sources.given():
            name = _named(section, key)
            reason = IGNORED.get(name) or IGNORED_SECTIONS.get(section) or self._unused(name, section, key)
            if reason is not None:
                yield Remark(name=name, place=place, text=reason)
            elif section in _known_sections() and name not in MAPPED and not _is_known(name):
                yield _unknown(name, place, (*MAPPED, *IGNORED, *CODE_OPTIONS))
            elif section not in _known_sections() and (near := _near(section, _known_sections())):
                yield Remark(name=name, place=place, text="no such section", is_unknown=True, nearest=near)

    def _unused(self, name: str, section: str, key: str) -> str | None:
        """Why an option that is mapped counts for nothing."""
        if name not in MAPPED:
            return None
        if ours(MAPPED[name].setting) in self._environment:
            return f"{ours(MAPPED[name].setting)} goes before it"
        found = self.sources.find(section, key) if name in UNUSABLE and key == name.rpartition(".")[2] else None
        return UNUSABLE[name] if found is not None and MAPPED[name].read(found.text) is None else None

    def _about_ours(self) -> Iterator[Remark]:
        known = {setting.name for setting in settings_of_all()}
        sections = {name.rpartition(".")[0] for name in known}
        for variable in sorted(self._environment):
            if not variable.startswith(PREFIX):
                continue
            name = variable.removeprefix(PREFIX).lower().replace("__", ".", 1)
            section = name.rpartition(".")[0]
            if name in known or name.removesuffix("_cmd") in known or _is_known(name):
                continue
            if section in sections:
                yield _unknown(name, variable, (*known, *CODE_OPTIONS))
            elif near := _near(section, sections):
                yield Remark(name=name, place=variable, text="no such section", is_unknown=True, nearest=near)


def _unasked(*_what: str) -> str:
    return ""


def ours(setting: str) -> str:
    """The variable of a setting `section.key`."""
    return PREFIX + setting.upper().replace(".", "__")


def _option(
    section: str, key: str, found: Found | None, default: str | None, *, says: str = "", is_secret: bool
) -> Option:
    return Option(
        section=section,
        key=key,
        text=default if found is None else found.text,
        source=DEFAULT if found is None else found.source,
        default=default,
        is_secret=is_secret,
        says=says,
    )


def _named(section: str, key: str) -> str:
    """The present name of what is given: without the suffix by which a secret is fetched, and with the dots that a
    variable cannot have."""
    for suffix in ("_cmd", "_secret"):
        if f"{section}.{key.removesuffix(suffix)}" in SECRETS:
            key = key.removesuffix(suffix)
    dotted = {name.rpartition(".")[0].replace(".", "_"): name.rpartition(".")[0] for name in CODE_OPTIONS}
    name = f"{dotted.get(section, section)}.{key}"
    return RENAMED.get(name, name)


def _known_sections() -> set[str]:
    sections = {name.rpartition(".")[0] for name in (*MAPPED, *IGNORED, *CODE_OPTIONS)} | IGNORED_SECTIONS.keys()
    return sections | {section.replace(".", "_") for section in sections}


def _is_known(name: str) -> bool:
    return name in CODE_OPTIONS or name.removesuffix("_cmd") in CODE_OPTIONS or "backend_kwarg__" in name


def _unknown(name: str, place: str, known: Sequence[str]) -> Remark:
    return Remark(name=name, place=place, text="no such option", is_unknown=True, nearest=_near(name, known))


def _near(name: str, known: Sequence[str] | set[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE)), None)
