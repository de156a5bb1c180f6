"""The port by which people have DAG files parsed again although nothing has changed."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class WantedParse(NamedTuple):
    """A file that somebody wants parsed; each further wish raises the generation."""

    relative_fileloc: str
    generation: int


class ParseRequestStore(Protocol):
    """What the API writes and the dag processor asks."""

    async def request_parse(self, relative_fileloc: str) -> bool:
        """Have a file parsed again; False if no such file is known."""
        ...

    async def wanted_parses(self, limit: int) -> Sequence[WantedParse]:
        """Files that are to be parsed, by name."""
        ...

    async def finish_parses(self, done: Sequence[WantedParse]) -> None:
        """These were parsed; those that were wanted again meanwhile stay."""
        ...
