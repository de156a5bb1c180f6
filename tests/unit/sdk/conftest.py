"""What tests of DAG files share."""

from collections.abc import Generator
from pathlib import Path
from textwrap import dedent
from typing import Protocol

import pytest

from tradewind.sdk import aliases
from tradewind.sdk.dag_file import LoadedDagFile, load_dag_file


class LoadSource(Protocol):
    """Writes a DAG file and loads it."""

    def __call__(self, source: str, name: str = "file.py") -> LoadedDagFile: ...


@pytest.fixture
def load(tmp_path: Path) -> Generator[LoadSource]:
    """Load a DAG file given as text; `airflow` means Tradewind until the test ends."""

    def load_source(source: str, name: str = "file.py") -> LoadedDagFile:
        path = tmp_path / name
        path.write_text(dedent(source))
        return load_dag_file(path, tmp_path)

    yield load_source
    aliases.uninstall()
