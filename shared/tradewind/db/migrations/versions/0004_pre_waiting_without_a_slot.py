"""Waiting without a slot."""

from tradewind.db.migrations.numbered import run_numbered_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_numbered_sql(__file__)
