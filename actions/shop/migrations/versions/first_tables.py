"""The first tables: users, products, orders, receipts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _people()
    _goods()
    _orders()
    op.create_table(
        "receipts",
        sa.Column("key", sa.String(300), primary_key=True),
        sa.Column("action", sa.String(100), nullable=False),
        sa.Column("user_id", sa.String(100), nullable=False),
        sa.Column("order_id", sa.String(100)),
        sa.Column("result", sa.JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("receipts_user", "receipts", ["user_id"])


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("first_name", sa.Text, nullable=False),
        sa.Column("last_name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.String(320), nullable=False),
        sa.Column("postcode_key", sa.String(50), nullable=False),
        sa.Column("address", sa.JSON, nullable=False),
    )
    op.create_index("users_email", "users", ["email_key"])
    op.create_index("users_postcode", "users", ["postcode_key"])
    op.create_table(
        "payment_methods",
        sa.Column("user_id", sa.String(100), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("brand", sa.Text),
        sa.Column("last_four", sa.Text),
        sa.Column("balance", sa.Integer),
    )


def _goods() -> None:
    op.create_table(
        "products",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("returnable", sa.Boolean, nullable=False),
    )
    op.create_table(
        "variants",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("product_id", sa.String(100), sa.ForeignKey("products.id", ondelete="CASCADE"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("price", sa.Integer, nullable=False),
        sa.Column("available", sa.Boolean, nullable=False),
    )
    op.create_index("variants_product", "variants", ["product_id"])


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("user_id", sa.String(100), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("address", sa.JSON, nullable=False),
        sa.Column("ordered", sa.Date),
        sa.Column("delivered", sa.Date),
        sa.Column("ordered_days_ago", sa.Integer),
        sa.Column("delivered_days_ago", sa.Integer),
        sa.Column("cancel_reason", sa.Text),
        sa.Column("returned", sa.JSON),
        sa.Column("exchanged", sa.JSON),
    )
    op.create_index("orders_user", "orders", ["user_id"])
    order_id = ("order_id", "orders.id")
    op.create_table(
        "order_items",
        sa.Column(order_id[0], sa.String(100), sa.ForeignKey(order_id[1], ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("item_id", sa.String(100), nullable=False),
        sa.Column("product_id", sa.String(100), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("price", sa.Integer, nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
    )
    op.create_table(
        "payments",
        sa.Column(order_id[0], sa.String(100), sa.ForeignKey(order_id[1], ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("amount", sa.Integer, nullable=False),
        sa.Column("method_id", sa.String(100), nullable=False),
    )
    op.create_table(
        "fulfilments",
        sa.Column(order_id[0], sa.String(100), sa.ForeignKey(order_id[1], ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("carrier", sa.Text, nullable=False),
        sa.Column("tracking", sa.JSON, nullable=False),
        sa.Column("items", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    """There is nothing before the first tables: to go back is to delete the shop, which no command may do."""
    raise NotImplementedError("These are the first tables; drop the database by hand if that is meant.")
