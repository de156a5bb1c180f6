"""Assets."""

from tradewind.db.migrations.numbered import run_numbered_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_numbered_sql(__file__)
