"""`StoredValuesStore` on dictionaries."""

import hashlib
from collections.abc import Mapping, Sequence

from tradewind.db.memory.tables import MemoryStoreBase


class MemoryStoredValues(MemoryStoreBase):
    """Fingerprints of variables and connections."""

    async def stored_fingerprints(
        self, keys: Sequence[str], conn_ids: Sequence[str]
    ) -> tuple[Mapping[str, str], Mapping[str, str]]:
        return _of(self.tables.variables, keys), _of(self.tables.connections, conn_ids)


def _of(table: Mapping[str, bytes], names: Sequence[str]) -> Mapping[str, str]:
    return {name: hashlib.sha256(table[name]).hexdigest() for name in names if name in table}
