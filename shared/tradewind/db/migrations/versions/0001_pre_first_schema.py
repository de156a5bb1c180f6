"""The first schema."""

from tradewind.db.migrations.numbered import run_numbered_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_numbered_sql(__file__)
