"""Whether a value fits a JSON schema."""

import re
from collections.abc import Mapping
from typing import Any, Final

_NUMBER: Final = r"\d+(?:[.,]\d+)?"
_DURATION: Final = re.compile(
    rf"[+-]?P(?:{_NUMBER}W|(?=[\dT])(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}D)?"
    rf"(?:T(?=\d)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?)"
)
"""A duration of ISO 8601: `P1DT12H`, `P2W`."""


class SchemaMismatchError(ValueError):
    """A value does not fit, or the schema is none; the message names the value and the rule."""


def check_value(value: object, schema: Mapping[str, Any]) -> None:
    """Raises `SchemaMismatchError` for a value that the schema, formats included, does not allow."""
    # Imported here: most DAGs have no schema, and the library is large.
    from jsonschema import FormatChecker, validate
    from jsonschema.exceptions import SchemaError, ValidationError

    checker = FormatChecker()
    # The library knows this format only with another package beside it.
    checker.checkers = {**checker.checkers, "duration": (_is_duration, ())}
    try:
        validate(value, schema, format_checker=checker)
    except (ValidationError, SchemaError) as exc:
        raise SchemaMismatchError(exc.message) from exc


def _is_duration(value: object) -> bool:
    return not isinstance(value, str) or _DURATION.fullmatch(value) is not None
