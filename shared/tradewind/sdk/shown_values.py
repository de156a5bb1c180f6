"""Authors' values as people are shown them: JSON, the same for the same file."""

import math
from collections.abc import Mapping, Set
from datetime import date, timedelta
from typing import Any, cast


def shown(value: Any) -> Any:
    """The value in JSON; a duration in ISO 8601, what JSON cannot say by the name of it or of its type."""
    match value:
        case str():
            return value.encode(errors="replace").decode()
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case date():
            return value.isoformat()
        case timedelta():
            return f"PT{value.total_seconds():.15g}S"
        case Mapping():
            return {str(key): shown(item) for key, item in cast("Mapping[Any, Any]", value).items()}
        case list() | tuple():
            return [shown(item) for item in cast("list[Any]", value)]
        case Set():
            return sorted(str(shown(item)) for item in cast("Set[Any]", value))
        case _:
            return str(getattr(value, "__qualname__", type(value).__qualname__))
