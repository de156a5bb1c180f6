"""The configuration as JSON, and as the text of a file."""

from pydantic import ConfigDict

from tradewind.api.models.base import ApiModel


class ConfigOption(ApiModel):
    """An option; the pair that Airflow's schema allows, with the source, is never given."""

    model_config = ConfigDict(extra="forbid")

    key: str
    value: str | tuple[str, str]


class ConfigSection(ApiModel):
    """A section."""

    model_config = ConfigDict(extra="forbid")

    name: str
    options: list[ConfigOption]

    def as_text(self) -> str:
        """`[name]`, then a line an option."""
        lines = [f"[{self.name}]", *(f"{option.key} = {option.value}" for option in self.options)]
        return "\n".join(lines) + "\n"


class Config(ApiModel):
    """All sections that were asked for."""

    model_config = ConfigDict(extra="forbid")

    sections: list[ConfigSection]

    def as_text(self) -> str:
        """With an empty line between sections."""
        return "\n".join(section.as_text() for section in self.sections)
