"""`ParseRequestStore` on a dictionary."""

from collections.abc import Sequence

from tradewind.db.memory.tables import MemoryStoreBase
from tradewind.db.parse_requests import WantedParse


class MemoryParseRequests(MemoryStoreBase):
    """Table `parse_request`: relative_fileloc → generation."""

    async def request_parse(self, relative_fileloc: str) -> bool:
        if relative_fileloc not in self.tables.dag_files:
            return False
        self.tables.parse_requests[relative_fileloc] = self.tables.parse_requests.get(relative_fileloc, -1) + 1
        return True

    async def wanted_parses(self, limit: int) -> Sequence[WantedParse]:
        return [WantedParse(*item) for item in sorted(self.tables.parse_requests.items())[:limit]]

    async def finish_parses(self, done: Sequence[WantedParse]) -> None:
        for name, generation in done:
            if self.tables.parse_requests.get(name) == generation:
                del self.tables.parse_requests[name]
