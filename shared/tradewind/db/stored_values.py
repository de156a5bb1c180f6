"""The port by which the dag processor learns that what DAG files have read of Variables and Connections has changed."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class StoredValuesStore(Protocol):
    """What tells one value from the next, without the value."""

    async def stored_fingerprints(
        self, keys: Sequence[str], conn_ids: Sequence[str]
    ) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Key → fingerprint of those variables that exist, conn_id → fingerprint of those connections that exist. Each
        write of one gives it another fingerprint."""
        ...
