"""Alembic's entry point; runs in the transaction that `greenroom.store.migrations.apply` began, without commits."""

from alembic import context

from greenroom.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
