"""Loads SQL by name: one statement a file under `sql/`, its first line a comment that says why and which index serves.

Text comes from our own files only, never from values: those travel as parameters.
"""

from functools import cache
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "sql"


@cache
def statement(name: str) -> str:
    """The text of `sql/<name>.sql`; raises `FileNotFoundError` for a name that is not there."""
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
