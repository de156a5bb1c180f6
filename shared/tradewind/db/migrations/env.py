"""Alembic's entry point: runs the pending revisions on the connection that `tradewind.db.migrate` passes in."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
