"""What a request makes of the rows that it names: plain values in, plain values out."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, TypeVar

from tradewind.api.bulk.answers import failure
from tradewind.api.models.actions import (
    BulkActionResponse,
    BulkBody,
    BulkCreateAction,
    BulkDeleteAction,
    BulkUpdateAction,
)
from tradewind.api.models.base import StrictBody
from tradewind.core.errors import DomainError

BodyT = TypeVar("BodyT", bound=StrictBody)
ContraT = TypeVar("ContraT", bound=StrictBody, contravariant=True)
Values = Mapping[str, object]
"""A row by its columns, secrets in clear."""


class Rules(Protocol[ContraT]):
    """What may become of one kind of thing. Errors are those of a request for this thing alone."""

    @property
    def words(self) -> str:
        """What several of them are called."""
        ...

    def key(self, entity: ContraT) -> str: ...

    def created(self, entity: ContraT) -> Values: ...

    def changed(self, before: Values, entity: ContraT, update_mask: Collection[str] | None) -> Values:
        """The fields that were given, of these the masked ones if there is a mask. Raises `BadRequest`."""
        ...

    def overwritten(self, before: Values, entity: ContraT) -> Values:
        """The fields that were given, when it was to be created and exists."""
        ...

    def check_removable(self, key: str) -> None:
        """Raises `BadRequest` for what must stay."""
        ...


def keys_of(body: BulkBody[BodyT], rules: Rules[BodyT]) -> Sequence[str]:
    """All keys that the request names, each once."""
    return sorted({_key(entity, rules) for action in body.actions for entity in action.entities})


def apply(
    action: BulkCreateAction[BodyT] | BulkUpdateAction[BodyT] | BulkDeleteAction[BodyT],
    rows: dict[str, Values],
    rules: Rules[BodyT],
) -> BulkActionResponse:
    """Make `rows` what the action makes of them."""
    match action:
        case BulkCreateAction():
            return _create(action, rows, rules)
        case BulkUpdateAction():
            return _update(action, rows, rules)
        case BulkDeleteAction():
            return _remove(action, rows, rules)


def _create(action: BulkCreateAction[BodyT], rows: dict[str, Values], rules: Rules[BodyT]) -> BulkActionResponse:
    if action.action_on_existence == "fail":
        counts = Counter(rules.key(entity) for entity in action.entities)
        if taken := sorted(key for key in counts if key in rows):
            return _refused(f"These {rules.words} exist already: {', '.join(taken)}", 409)
        if twice := sorted(key for key, count in counts.items() if count > 1):
            return _refused(f"These {rules.words} are named twice: {', '.join(twice)}", 409)
    response = BulkActionResponse()
    for entity in action.entities:
        key = rules.key(entity)
        if key not in rows:
            rows[key] = rules.created(entity)
        elif action.action_on_existence == "overwrite":
            rows[key] = rules.overwritten(rows[key], entity)
        else:
            continue
        response.success.append(key)
    return response


def _update(action: BulkUpdateAction[BodyT], rows: dict[str, Values], rules: Rules[BodyT]) -> BulkActionResponse:
    keys = {rules.key(entity) for entity in action.entities}
    if action.action_on_non_existence == "fail" and (missing := _missing(keys, rows, rules)):
        return missing
    response = BulkActionResponse()
    for entity in action.entities:
        if (key := rules.key(entity)) not in rows:
            continue
        try:
            rows[key] = rules.changed(rows[key], entity, action.update_mask)
            response.success.append(key)
        except DomainError as exc:
            response.errors.append(failure(exc))
    return response


def _remove(action: BulkDeleteAction[BodyT], rows: dict[str, Values], rules: Rules[BodyT]) -> BulkActionResponse:
    keys = dict.fromkeys(_key(entity, rules) for entity in action.entities)
    if action.action_on_non_existence == "fail" and (missing := _missing(keys, rows, rules)):
        return missing
    response = BulkActionResponse()
    for key in keys:
        if key not in rows:
            continue
        try:
            rules.check_removable(key)
            del rows[key]
            response.success.append(key)
        except DomainError as exc:
            response.errors.append(failure(exc))
    return response


def _missing(keys: Collection[str], rows: Mapping[str, Values], rules: Rules[BodyT]) -> BulkActionResponse | None:
    missing = sorted(key for key in keys if key not in rows)
    return _refused(f"These {rules.words} were not found: {', '.join(missing)}", 404) if missing else None


def _refused(error: str, status: int) -> BulkActionResponse:
    """The action changes nothing."""
    return BulkActionResponse(errors=[{"error": error, "status_code": status}])


def _key(entity: str | BodyT, rules: Rules[BodyT]) -> str:
    return entity if isinstance(entity, str) else rules.key(entity)
