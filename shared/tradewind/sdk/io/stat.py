"""What a store tells of a file."""

import stat
from datetime import datetime
from typing import Any


class StatResult(dict[str, Any]):
    """The store's own words by name, and the names of `os.stat_result` where it has such."""

    @property
    def conn_id(self) -> str | None:
        """The connection by which the store is reached."""
        return self.get("conn_id")

    @property
    def protocol(self) -> str:
        """The scheme."""
        return self.get("protocol", "")

    @property
    def st_size(self) -> int:
        """In bytes."""
        return self.get("size") or 0

    @property
    def st_mode(self) -> int:
        """Kind and permissions."""
        return self.get("mode") or (stat.S_IFDIR if self.get("type") == "directory" else stat.S_IFREG)

    @property
    def st_mtime(self) -> float:
        """When it was changed, in seconds since 1970; 0 if the store does not say."""
        names = ("mtime", "LastModified", "last_modified", "modified", "updated", "created")
        found = next((self[name] for name in names if self.get(name) is not None), 0.0)
        return found.timestamp() if isinstance(found, datetime) else float(found)
