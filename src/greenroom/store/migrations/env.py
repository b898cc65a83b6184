"""Alembic's entry: runs in the transaction that `greenroom.store.migrations.apply` has begun, and commits nothing."""

from alembic import context

from greenroom.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
