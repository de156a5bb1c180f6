"""Mapping and dependencies."""

from tradewind.db.migrations.numbered import run_numbered_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_numbered_sql(__file__)
