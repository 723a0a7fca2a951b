"""What Alembic runs: the steps, on the connection that `database.migrate` holds."""

from alembic import context

from actions.shop.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
