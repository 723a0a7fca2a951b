"""The whole shop as plain data and back, in the shape of tau-bench retail's `users.json`, `products.json` and
`orders.json`, and the differences between two such wholes.

What tau-bench has no field for (carrier, dates, category) is written only where a shop has it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Engine, true

from actions.shop.database import empty, exclusive
from actions.shop.records import (
    Address,
    ExchangeRequest,
    Fulfilment,
    Item,
    ItemId,
    MethodId,
    Order,
    OrderId,
    Payment,
    PaymentMethod,
    Product,
    ReturnRequest,
    User,
    UserId,
    Variant,
)
from actions.shop.rows import insert_orders, insert_products, insert_users, read_orders, read_products, read_users
from actions.shop.shop import Shop

Plain = Mapping[str, Any]
"""``{"users": …, "products": …, "orders": …}``, each by id."""


def load(engine: Engine, data: Plain) -> None:
    """Make a migrated database hold exactly ``data``, and no receipts."""
    users = [read_user(row, user) for user, row in data["users"].items()]
    products = [_read_product(row) for row in data["products"].values()]
    # A user's orders stand in the order of the user's own list; that is the newest last.
    orders = [read_order(data["orders"][order]) for row in data["users"].values() for order in row["orders"]]
    with exclusive(engine) as connection:
        empty(connection)
        insert_users(connection, users)
        insert_products(connection, products)
        insert_orders(connection, orders)


def dump(shop: Shop) -> dict[str, Any]:
    """Everything in the shop but its receipts."""
    with shop.engine.connect().execution_options(reads=True) as connection, connection.begin():
        users = read_users(connection, true())
        products = read_products(connection, true())
        orders = read_orders(connection, true(), shop.today)
    theirs: dict[str, list[str]] = {user.id: [] for user in users}
    for order in orders:
        theirs[order.user].append(order.id)
    return {
        "users": {user.id: plain_user(user, theirs[user.id]) for user in users},
        "products": {product.id: plain_product(product) for product in products},
        "orders": {order.id: plain_order(order) for order in orders},
    }


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """What ``other`` has otherwise than ``one``, a line each: ``orders/#W1/status: 'pending' → 'cancelled'``."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in [*one, *(name for name in other if name not in one)]:
            yield from differences(one.get(name, _NOTHING), other.get(name, _NOTHING), f"{path}/{name}".lstrip("/"))
    elif one != other:
        yield f"{path}: {one!r} → {other!r}"


class _Nothing:
    """What stands where one side has no such entry."""

    def __repr__(self) -> str:
        return "nothing"


_NOTHING = _Nothing()


def cents(amount: float) -> int:
    """An amount in whole cents."""
    return round(amount * 100)


def amount(of: int) -> float:
    """Whole cents as the amount they are; the float nearest to it, as tau-bench rounds to."""
    return of / 100


def read_user(row: Mapping[str, Any], user: str) -> User:
    """A user of `users.json`."""
    methods = (
        PaymentMethod(
            MethodId(method["id"]),
            method["source"],
            method.get("brand"),
            method.get("last_four"),
            cents(method["balance"]) if "balance" in method else None,
        )
        for method in row["payment_methods"].values()
    )
    return User(
        *(UserId(user), row["name"]["first_name"], row["name"]["last_name"], row["email"]),
        Address(**row["address"]),
        tuple(methods),
    )


def _read_product(row: Mapping[str, Any]) -> Product:
    variants = (
        Variant(ItemId(variant["item_id"]), variant["options"], cents(variant["price"]), variant["available"])
        for variant in row["variants"].values()
    )
    return Product(
        *(row["product_id"], row["name"], tuple(variants), row.get("category", ""), row.get("returnable", True)),
        attributes=row.get("attributes", {}),
    )


def read_order(row: Mapping[str, Any]) -> Order:
    """An order of `orders.json`, with what our actions and tau-bench's own tools have made of it."""
    returned, exchanged = None, None
    if "return_items" in row:
        returned = ReturnRequest(tuple(row["return_items"]), row["return_payment_method_id"])
    if "exchange_items" in row:
        exchanged = ExchangeRequest(
            tuple(row["exchange_items"]),
            tuple(row["exchange_new_items"]),
            row["exchange_payment_method_id"],
            cents(row["exchange_price_difference"]),
        )
    return Order(
        id=OrderId(row["order_id"]),
        user=UserId(row["user_id"]),
        status=row["status"],
        address=Address(**row["address"]),
        items=tuple(
            Item(ItemId(item["item_id"]), item["product_id"], item["name"], cents(item["price"]), item["options"])
            for item in row["items"]
        ),
        payments=tuple(
            Payment(payment["transaction_type"], cents(payment["amount"]), MethodId(payment["payment_method_id"]))
            for payment in row["payment_history"]
        ),
        fulfilments=tuple(
            Fulfilment(tuple(parcel["tracking_id"]), tuple(parcel["item_ids"]), parcel.get("carrier", ""))
            for parcel in row["fulfillments"]
        ),
        cancel_reason=row.get("cancel_reason"),
        returned=returned,
        exchanged=exchanged,
    )


def plain_user(user: User, orders: list[str]) -> dict[str, Any]:
    """A user as in `users.json`."""
    methods: dict[str, dict[str, Any]] = {}
    for method in user.methods:
        row: dict[str, Any] = {"source": method.source, "id": method.id}
        if method.brand is not None:
            row |= {"brand": method.brand, "last_four": method.last_four}
        if method.balance is not None:
            row["balance"] = amount(method.balance)
        methods[method.id] = row
    return {
        "name": {"first_name": user.first_name, "last_name": user.last_name},
        "address": asdict(user.address),
        "email": user.email,
        "payment_methods": methods,
        "orders": orders,
    }


def plain_product(product: Product) -> dict[str, Any]:
    """A product as in `products.json`."""
    variants = {
        variant.id: {
            "item_id": variant.id,
            "options": dict(variant.options),
            "available": variant.available,
            "price": amount(variant.price),
        }
        for variant in product.variants
    }
    row: dict[str, Any] = {"name": product.name, "product_id": product.id, "variants": variants}
    if product.category:
        row["category"] = product.category
    if not product.returnable:
        row["returnable"] = False
    if product.attributes:
        row["attributes"] = dict(product.attributes)
    return row


def plain_order(order: Order) -> dict[str, Any]:
    """An order as in `orders.json`, and as tau-bench's tools leave it."""
    row: dict[str, Any] = {
        "order_id": order.id,
        "user_id": order.user,
        "address": asdict(order.address),
        "items": [
            {
                "name": item.name,
                "product_id": item.product,
                "item_id": item.id,
                "price": amount(item.price),
                "options": dict(item.options),
            }
            for item in order.items
        ],
        "fulfillments": [
            {"tracking_id": list(parcel.tracking), "item_ids": list(parcel.items)}
            | ({"carrier": parcel.carrier} if parcel.carrier else {})
            for parcel in order.fulfilments
        ],
        "status": order.status,
        "payment_history": [
            {"transaction_type": payment.kind, "amount": amount(payment.amount), "payment_method_id": payment.method}
            for payment in order.payments
        ],
    }
    if order.cancel_reason is not None:
        row["cancel_reason"] = order.cancel_reason
    if order.returned:
        row |= {"return_items": list(order.returned.items), "return_payment_method_id": order.returned.method}
    if order.exchanged:
        row |= {
            "exchange_items": list(order.exchanged.items),
            "exchange_new_items": list(order.exchanged.new_items),
            "exchange_payment_method_id": order.exchanged.method,
            "exchange_price_difference": amount(order.exchanged.difference),
        }
    for name, day in (("ordered", order.ordered), ("delivered", order.delivered)):
        if day is not None:
            row[name] = day.isoformat()
    return row
