"""Runs the SQL file that belongs to a revision: same name, other ending."""

from collections.abc import Awaitable
from pathlib import Path
from typing import Protocol, cast

import sqlalchemy
from alembic import op


class _Driver(Protocol):
    def execute(self, script: str) -> Awaitable[str]: ...


def run_numbered_sql(revision_file: str) -> None:
    """Execute the whole script beside the revision file, in the revision's transaction."""
    script = Path(revision_file).with_suffix(".sql").read_text(encoding="utf-8")
    bind = op.get_bind()
    bind.execute(sqlalchemy.text("SELECT 1"))  # opens the transaction: the driver below knows nothing of SQLAlchemy's
    connection = bind.connection.dbapi_connection
    assert connection is not None

    def execute(driver: object) -> Awaitable[str]:
        return cast("_Driver", driver).execute(script)

    connection.run_async(execute)
