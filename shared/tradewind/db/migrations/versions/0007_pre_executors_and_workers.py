"""Executors and workers."""

from tradewind.db.migrations.numbered import run_numbered_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_numbered_sql(__file__)
