"""Which teams' events count for an asset's consumers."""

from dataclasses import dataclass, field


@dataclass
class AssetAccessControl:
    """Teams that may produce events, teams that may consume them (None = all), and whether producers without a team
    count. Kept with the asset; there are no teams here, so it refuses nobody. Raises ValueError for an empty team."""

    producer_teams: list[str] = field(default_factory=list[str])
    consumer_teams: list[str] | None = None
    allow_global: bool = True

    def __post_init__(self) -> None:
        for name, teams in (("producer_teams", self.producer_teams), ("consumer_teams", self.consumer_teams)):
            for team in teams or ():
                if not isinstance(team, str) or not team.strip():  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
                    raise ValueError(f"Each entry in {name} must be a non-empty string, not {team!r}")
        if not isinstance(self.allow_global, bool):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
            raise TypeError(f"allow_global must be a bool, not {self.allow_global!r}")
