"""Cron expressions in words, for people."""

from collections.abc import Sequence
from typing import Final

FIELDS: Final = 5
DAY_OF_MONTH: Final = 2
DAY_OF_WEEK: Final = 4


def cron_in_words(expression: str) -> str:
    """`At 02:30, Monday through Friday`; empty for an expression with seconds or years, and for a wrong one. Days of
    month and of week are joined by "(or)", as cron means them."""
    fields = expression.split()
    if len(fields) != FIELDS:
        return ""
    if "*" in (fields[DAY_OF_MONTH], fields[DAY_OF_WEEK]):
        return _words(fields)
    return " (or) ".join(_words(_anyhow(fields, place)) for place in (DAY_OF_WEEK, DAY_OF_MONTH))


def _anyhow(fields: Sequence[str], place: int) -> list[str]:
    return [*fields[:place], "*", *fields[place + 1 :]]


def _words(fields: Sequence[str]) -> str:
    # Imported here: DAG files are imported by every task's process, words are wanted where they are parsed.
    from cron_descriptor import CasingTypeEnum, ExpressionDescriptor, FormatException, MissingFieldException

    try:
        descriptor = ExpressionDescriptor(
            " ".join(fields), casing_type=CasingTypeEnum.Sentence, use_24hour_time_format=True
        )
        return descriptor.get_description()
    except (FormatException, MissingFieldException, ValueError, IndexError):
        return ""
