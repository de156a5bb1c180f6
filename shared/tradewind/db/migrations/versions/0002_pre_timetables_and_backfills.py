"""Timetables and backfills."""

from tradewind.db.migrations.numbered import run_numbered_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_numbered_sql(__file__)
