"""The text of a DAG file as a version of its DAG was made of it: from the stored content of its bundle, else from the
DAGs folder, if just this content stands there."""

import asyncio
import hashlib
import zlib
from collections.abc import Sequence
from typing import Final

from tradewind.core.errors import NotFound
from tradewind.db.pool import Row
from tradewind.service.dag_roots import DagRoot, resolve_dag_file

UNREADABLE: Final = "replace"
"""Bytes that are no UTF-8 are shown as the sign for it."""


async def source_text(version: Row, roots: Sequence[DagRoot]) -> str | None:
    """The version's text; None if its bundle was never stored and the file has changed since, or is not here."""
    content: bytes | None = version["content"]
    if content is not None:
        return zlib.decompress(content).decode(errors=UNREADABLE)
    return await asyncio.to_thread(_text_in_folder, version["relative_fileloc"], version["file_digest"], roots)


def _text_in_folder(relative_fileloc: str, digest: str, roots: Sequence[DagRoot]) -> str | None:
    try:
        content = resolve_dag_file(roots, relative_fileloc).path.read_bytes()
    except (NotFound, OSError):
        return None
    return content.decode(errors=UNREADABLE) if hashlib.sha256(content).hexdigest() == digest else None
