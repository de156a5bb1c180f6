"""Pools. The default pool stays, and only its size and what counts in it can be changed."""

from collections.abc import Collection
from typing import Final

from tradewind.api.errors import BadRequest
from tradewind.api.kept.fields import given_fields
from tradewind.api.kept.planning import Values
from tradewind.api.kept.writing import Kind
from tradewind.api.models.pools import PoolBody, PoolPatchBody
from tradewind.db.api.kept import POOLS

DEFAULT_POOL: Final = "default_pool"
FIELDS: Final = POOLS.columns[1:]


class PoolRules:
    """A pool's name stays."""

    words = "pools"

    def key(self, entity: PoolBody) -> str:
        return entity.name

    def created(self, entity: PoolBody) -> Values:
        return {"pool": entity.name, **{field: getattr(entity, field) for field in FIELDS}}

    def changed(self, before: Values, entity: PoolBody | PoolPatchBody, update_mask: Collection[str] | None) -> Values:
        after = _with_given(before, entity, update_mask)
        if before["pool"] == DEFAULT_POOL and after["description"] != before["description"]:
            raise BadRequest(f"Of {DEFAULT_POOL} only slots and include_deferred can be changed")
        return after

    def overwritten(self, before: Values, entity: PoolBody) -> Values:
        return _with_given(before, entity, None)

    def check_removable(self, key: str) -> None:
        if key == DEFAULT_POOL:
            raise BadRequest(f"{DEFAULT_POOL} cannot be deleted: tasks that name no pool run in it")


def _with_given(before: Values, entity: PoolBody | PoolPatchBody, update_mask: Collection[str] | None) -> Values:
    fields = given_fields(entity, update_mask, FIELDS)
    return {**before, **{field: getattr(entity, field) for field in fields}}


RULES: Final = PoolRules()
KIND: Final = Kind(rules=RULES, table=POOLS, word="pool")
