"""Connections. Where a password or a secret of the extra comes as its mask, the stored one is kept."""

from collections.abc import Collection
from typing import Final, cast

from tradewind.api.kept.fields import given_fields
from tradewind.api.kept.planning import Values
from tradewind.api.kept.writing import Kind
from tradewind.api.models.connections import ConnectionBody
from tradewind.api.redaction import restored_text
from tradewind.db.api.kept import CONNECTIONS

FIELDS: Final = CONNECTIONS.columns[1:]


class ConnectionRules:
    """A connection's id stays."""

    words = "connections"

    def key(self, entity: ConnectionBody) -> str:
        return entity.connection_id

    def created(self, entity: ConnectionBody) -> Values:
        given = entity.model_dump(by_alias=True)
        return {"conn_id": entity.connection_id, **{field: given[field] for field in FIELDS}}

    def changed(self, before: Values, entity: ConnectionBody, update_mask: Collection[str] | None) -> Values:
        created = self.created(entity)
        changes = {field: created[field] for field in given_fields(entity, update_mask, FIELDS)}
        if "password" in changes:
            changes["password"] = restored_text(entity.password, cast("str | None", before["password"]), "password")
        if "extra" in changes:
            changes["extra"] = restored_text(entity.extra, cast("str | None", before["extra"]))
        return {**before, **changes}

    def overwritten(self, before: Values, entity: ConnectionBody) -> Values:
        return self.changed(before, entity, None)

    def check_removable(self, key: str) -> None:
        """Any can go."""


KIND: Final = Kind(rules=ConnectionRules(), table=CONNECTIONS, word="connection", secrets=("password", "extra"))
