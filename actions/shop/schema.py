"""The tables, as the newest migration leaves them; a test holds both together."""

from sqlalchemy import JSON, Boolean, Column, Date, DateTime, ForeignKey, Index, Integer, MetaData, String, Table, Text

METADATA = MetaData()
"""All tables. Amounts are whole cents; ``position`` keeps the order in which things were written."""

USERS = Table(
    "users",
    METADATA,
    Column("id", String(100), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("first_name", Text, nullable=False),
    Column("last_name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("email_key", String(320), nullable=False),
    Column("postcode_key", String(50), nullable=False),
    Column("address", JSON, nullable=False),
    Index("users_email", "email_key"),
    Index("users_postcode", "postcode_key"),
)

PAYMENT_METHODS = Table(
    "payment_methods",
    METADATA,
    Column("user_id", String(100), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("id", String(100), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("brand", Text),
    Column("last_four", Text),
    Column("balance", Integer),
)

PRODUCTS = Table(
    "products",
    METADATA,
    Column("id", String(100), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("returnable", Boolean, nullable=False),
    Column("attributes", JSON(none_as_null=True)),
)

VARIANTS = Table(
    "variants",
    METADATA,
    Column("id", String(100), primary_key=True),
    Column("product_id", String(100), ForeignKey("products.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("options", JSON, nullable=False),
    Column("price", Integer, nullable=False),
    Column("available", Boolean, nullable=False),
    Index("variants_product", "product_id"),
)

ORDERS = Table(
    "orders",
    METADATA,
    Column("id", String(100), primary_key=True),
    Column("user_id", String(100), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("address", JSON, nullable=False),
    Column("ordered", Date),
    Column("delivered", Date),
    # The demo's orders are so many days old today, whenever that is.
    Column("ordered_days_ago", Integer),
    Column("delivered_days_ago", Integer),
    Column("cancel_reason", Text),
    Column("returned", JSON(none_as_null=True)),
    Column("exchanged", JSON(none_as_null=True)),
    Index("orders_user", "user_id"),
)

ORDER_ITEMS = Table(
    "order_items",
    METADATA,
    Column("order_id", String(100), ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("item_id", String(100), nullable=False),
    Column("product_id", String(100), nullable=False),
    Column("name", Text, nullable=False),
    Column("price", Integer, nullable=False),
    Column("options", JSON, nullable=False),
)

PAYMENTS = Table(
    "payments",
    METADATA,
    Column("order_id", String(100), ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("amount", Integer, nullable=False),
    Column("method_id", String(100), nullable=False),
)

FULFILMENTS = Table(
    "fulfilments",
    METADATA,
    Column("order_id", String(100), ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("carrier", Text, nullable=False),
    Column("tracking", JSON, nullable=False),
    Column("items", JSON, nullable=False),
)

RECEIPTS = Table(
    "receipts",
    METADATA,
    # The key alone makes an action happen once, whatever else goes wrong.
    Column("key", String(300), primary_key=True),
    Column("action", String(100), nullable=False),
    Column("user_id", String(100), nullable=False),
    Column("order_id", String(100)),
    Column("result", JSON, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("receipts_user", "user_id"),
)
