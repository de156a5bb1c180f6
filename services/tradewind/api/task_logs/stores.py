"""The log stores that this API reads from and moves logs to."""

from typing import Final

from tradewind.core.errors import ConfigError
from tradewind.db.api.admin import get_connection
from tradewind.db.pool import Database
from tradewind.db.secrets import SecretBox
from tradewind.log_store.open import StoreAccess, check_base, open_log_store
from tradewind.log_store.port import LogStore, LogStoreFailed
from tradewind.service.settings import LogSettings

_MAX_STORES: Final = 8
_BASE: Final = "TRADEWIND__LOGGING__BASE_LOG_FOLDER"
_REMOTE_BASE: Final = "TRADEWIND__LOGGING__REMOTE_BASE_LOG_FOLDER"
_CONN_ID: Final = "TRADEWIND__LOGGING__REMOTE_LOG_CONN_ID"


class LogStores:
    """Opens each store once, with the credentials of the present settings."""

    def __init__(self, *, settings: LogSettings, database: Database, secrets: SecretBox) -> None:
        """Raises `ConfigError` for an address that no store has."""
        self._settings = settings
        self._database = database
        self._secrets = secrets
        self._stores: dict[str, LogStore] = {}
        self.base: Final = _base_of(settings)
        """Where finished logs go; None = they stay in Postgres."""

    async def of(self, base: str) -> LogStore:
        """The store at this address, which may be one of former settings. Raises `LogStoreFailed`."""
        store = self._stores.get(base)
        if store is None:
            try:
                store = open_log_store(base, await self._access(base))
            except ConfigError as exc:
                raise LogStoreFailed(base, "open", str(exc)) from exc
            while len(self._stores) >= _MAX_STORES:
                del self._stores[next(iter(self._stores))]
            self._stores[base] = store
        return store

    def forget(self) -> None:
        """Open stores anew, with credentials as they are then: those in use were of no use."""
        self._stores.clear()

    async def _access(self, base: str) -> StoreAccess:
        encrypt = self._settings.encrypt_s3_logs
        conn_id = self._settings.remote_log_conn_id
        if not conn_id or not base.startswith("s3://"):
            return StoreAccess(encrypt_s3_logs=encrypt)
        row = await get_connection(self._database, conn_id)
        if row is None:
            raise ConfigError(f"there is no connection {conn_id!r}, which {_CONN_ID} names")
        password, extra = (self._secrets.decrypt(row[name]) if row[name] else "" for name in ("password", "extra"))
        return StoreAccess(login=row["login"] or "", password=password, extra=extra, encrypt_s3_logs=encrypt)


def _base_of(settings: LogSettings) -> str | None:
    if settings.remote_logging:
        return check_base(settings.remote_base_log_folder, setting=_REMOTE_BASE)
    if settings.base_log_folder is not None:
        return check_base(str(settings.base_log_folder), setting=_BASE)
    return None
