"""Fingerprints of what a parse reads: the contents of files, the names in folders.

A parse is valid while the fingerprints of everything that it read are unchanged. Equal fingerprints mean equal
content, so they hold across restarts and machines; modification times do not enter.
"""

import hashlib
from pathlib import Path
from typing import Final

from tradewind.service.dag_files import is_visible

ABSENT: Final = ""
"""Fingerprint of what does not exist."""


def content_fingerprint(content: bytes) -> str:
    """sha256 of the content, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def file_fingerprint(path: Path) -> str:
    """Of a file's content; `ABSENT` if there is no such file or it cannot be read."""
    try:
        return content_fingerprint(path.read_bytes())
    except OSError:
        return ABSENT


def folder_fingerprint(path: Path) -> str:
    """Of the names in a folder (hidden ones and `__pycache__` left out); `ABSENT` if there is none."""
    try:
        names = sorted(entry.name for entry in path.iterdir() if is_visible(entry.name))
    except OSError:
        return ABSENT
    return content_fingerprint("\0".join(names).encode("utf-8", "surrogateescape"))
