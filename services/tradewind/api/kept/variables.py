"""Variables: any key, any text. Where a secret comes as its mask, the stored one is kept."""

from collections.abc import Collection
from typing import Final

from tradewind.api.errors import BadRequest
from tradewind.api.kept.fields import given_fields
from tradewind.api.kept.planning import Values
from tradewind.api.kept.writing import Kind
from tradewind.api.models.variables import VariableBody
from tradewind.api.redaction import restored_text
from tradewind.db.api.kept import VARIABLES


class VariableRules:
    """A variable's key stays."""

    words = "variables"

    def key(self, entity: VariableBody) -> str:
        return entity.key

    def created(self, entity: VariableBody) -> Values:
        return {"key": entity.key, "value": str(entity.value), "description": entity.description}

    def changed(self, before: Values, entity: VariableBody, update_mask: Collection[str] | None) -> Values:
        if update_mask and "key" in update_mask:
            raise BadRequest("A variable's key cannot be changed: leave it out of update_mask")
        created = self.created(entity)
        changes = {field: created[field] for field in given_fields(entity, update_mask, ("value", "description"))}
        if "value" in changes:
            changes["value"] = restored_text(str(entity.value), str(before["value"]), entity.key)
        return {**before, **changes}

    def overwritten(self, before: Values, entity: VariableBody) -> Values:
        return self.changed(before, entity, None)

    def check_removable(self, key: str) -> None:
        """Any can go."""


KIND: Final = Kind(rules=VariableRules(), table=VARIABLES, word="variable", secrets=("value",))
