"""Products keep attributes, such as how many persons a tent is for; those that are there have none."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("products", sa.Column("attributes", sa.JSON))
