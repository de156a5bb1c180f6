"""Which fields of a body count."""

from collections.abc import Collection

from tradewind.api.models.base import StrictBody


def given_fields(body: StrictBody, update_mask: Collection[str] | None, changeable: Collection[str]) -> list[str]:
    """The changeable fields that the body gives, of these the masked ones if there is a mask. Names as in JSON."""
    aliases = {name: field.alias or name for name, field in type(body).model_fields.items()}
    given = {aliases[name] for name in body.model_fields_set}
    return [name for name in changeable if name in given and (not update_mask or name in update_mask)]
