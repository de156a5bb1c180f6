"""Settings of ours from what Airflow is told."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from tradewind.service.configuration.airflow_options import MAPPED, SECRETS
from tradewind.service.configuration.renamed import RENAMED
from tradewind.service.configuration.sources import AirflowSources, Found


class AirflowFallback:
    """Called with a setting (`database.url`): what Airflow's configuration says of it, in our words."""

    def __init__(self, sources: AirflowSources) -> None:
        self._sources: Final = sources

    def __call__(self, setting: str) -> Found | None:
        for option in _options_of().get(setting, ()):
            found = find_option(self._sources, option)
            text = MAPPED[option].read(found.text) if found is not None else None
            if found is not None and text is not None:
                return Found(text, found.source)
        return None


def find_option(sources: AirflowSources, option: str) -> Found | None:
    """What is said of an option of Airflow's, `section.key`, under its present name or an older one."""
    for name in (option, *_older_names().get(option, ())):
        section, _, key = name.rpartition(".")
        found = sources.find(section, key, is_secret=option in SECRETS)
        if found is not None:
            return found
    return None


@cache
def _options_of() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for option, target in MAPPED.items():
        found[target.setting] = (*found.get(target.setting, ()), option)
    return found


@cache
def _older_names() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for old, new in RENAMED.items():
        found[new] = (*found.get(new, ()), old)
    return found
