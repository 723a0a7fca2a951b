"""Rows of the tables ↔ the shop's nouns."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, delete, insert, select, update

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
from actions.shop.schema import (
    FULFILMENTS,
    ORDER_ITEMS,
    ORDERS,
    PAYMENT_METHODS,
    PAYMENTS,
    PRODUCTS,
    USERS,
    VARIANTS,
)


def fold(text: str) -> str:
    """Letters and digits alone, without case and accents: what two spellings of a name or a postcode share."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def read_users(connection: Connection, where: ColumnElement[bool], *, lock: bool = False) -> list[User]:
    """Users with their payment methods, in the order they came; locked until the transaction ends if asked for."""
    query = select(USERS).where(where).order_by(USERS.c.position)
    # SQLite knows no row locks and needs none: its writers have the whole database.
    rows = connection.execute(query.with_for_update() if lock else query).mappings().all()
    methods = _children(connection, PAYMENT_METHODS, PAYMENT_METHODS.c.user_id, [row["id"] for row in rows])
    return [_user(row, methods[row["id"]]) for row in rows]


def read_orders(connection: Connection, where: ColumnElement[bool], today: date, *, lock: bool = False) -> list[Order]:
    """Orders with all that belongs to them, in the order they came."""
    query = select(ORDERS).where(where).order_by(ORDERS.c.position)
    rows = connection.execute(query.with_for_update() if lock else query).mappings().all()
    ids = [row["id"] for row in rows]
    items = _children(connection, ORDER_ITEMS, ORDER_ITEMS.c.order_id, ids)
    payments = _children(connection, PAYMENTS, PAYMENTS.c.order_id, ids)
    parcels = _children(connection, FULFILMENTS, FULFILMENTS.c.order_id, ids)
    return [_order(row, items[row["id"]], payments[row["id"]], parcels[row["id"]], today) for row in rows]


def read_products(connection: Connection, where: ColumnElement[bool]) -> list[Product]:
    """Products with their variants, in the order they came."""
    rows = connection.execute(select(PRODUCTS).where(where).order_by(PRODUCTS.c.position)).mappings().all()
    variants = _children(connection, VARIANTS, VARIANTS.c.product_id, [row["id"] for row in rows])
    return [
        Product(
            row["id"],
            row["name"],
            tuple(Variant(ItemId(v["id"]), v["options"], v["price"], v["available"]) for v in variants[row["id"]]),
            row["category"],
            row["returnable"],
            row["attributes"] or {},
        )
        for row in rows
    ]


def save_user(connection: Connection, user: User) -> None:
    """Write what an action can change of a user: the address and the gift cards."""
    connection.execute(update(USERS).where(USERS.c.id == user.id).values(_user_values(user)))
    for method in user.methods:
        own = (PAYMENT_METHODS.c.user_id == user.id) & (PAYMENT_METHODS.c.id == method.id)
        connection.execute(update(PAYMENT_METHODS).where(own).values(balance=method.balance))


def save_order(connection: Connection, order: Order) -> None:
    """Write what an action can change of an order: all but its user and its dates."""
    changed = {k: v for k, v in _order_values(order).items() if k not in ("id", "user_id", "ordered", "delivered")}
    connection.execute(update(ORDERS).where(ORDERS.c.id == order.id).values(changed))
    for table in (ORDER_ITEMS, PAYMENTS):
        connection.execute(delete(table).where(table.c.order_id == order.id))
    _insert_lines(connection, [order])


def insert_users(connection: Connection, users: Sequence[User]) -> None:
    """Write new users."""
    _insert(connection, USERS, ({"position": at, **_user_values(user)} for at, user in enumerate(users)))
    _insert(
        connection,
        PAYMENT_METHODS,
        ({"user_id": u.id, "position": at, **asdict(m)} for u in users for at, m in enumerate(u.methods)),
    )


def insert_products(connection: Connection, products: Sequence[Product]) -> None:
    """Write new products."""
    _insert(
        connection,
        PRODUCTS,
        (
            {"id": p.id, "position": at, "name": p.name, "category": p.category, "returnable": p.returnable}
            | {"attributes": dict(p.attributes) or None}
            for at, p in enumerate(products)
        ),
    )
    _insert(
        connection,
        VARIANTS,
        ({"product_id": p.id, "position": at, **asdict(v)} for p in products for at, v in enumerate(p.variants)),
    )


def insert_orders(
    connection: Connection, orders: Sequence[Order], days_ago: Mapping[str, tuple[int, int | None]] | None = None
) -> None:
    """Write new orders; ``days_ago`` gives days since the order and since its delivery, which stay as many."""
    ages = days_ago or {}
    rows = []
    for at, order in enumerate(orders):
        ordered, delivered = ages.get(order.id, (None, None))
        rows.append(
            {"position": at, "ordered_days_ago": ordered, "delivered_days_ago": delivered, **_order_values(order)}
        )
    _insert(connection, ORDERS, rows)
    _insert_lines(connection, orders)
    _insert(
        connection,
        FULFILMENTS,
        (
            {
                "order_id": order.id,
                "position": at,
                "carrier": parcel.carrier,
                "tracking": list(parcel.tracking),
                "items": list(parcel.items),
            }
            for order in orders
            for at, parcel in enumerate(order.fulfilments)
        ),
    )


def _insert(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    values = list(rows)
    if values:
        connection.execute(insert(table), values)


def _insert_lines(connection: Connection, orders: Sequence[Order]) -> None:
    _insert(
        connection,
        ORDER_ITEMS,
        (
            {
                "order_id": order.id,
                "position": at,
                "item_id": item.id,
                "product_id": item.product,
                "name": item.name,
                "price": item.price,
                "options": dict(item.options),
            }
            for order in orders
            for at, item in enumerate(order.items)
        ),
    )
    _insert(
        connection,
        PAYMENTS,
        (
            {"order_id": order.id, "position": at, "kind": p.kind, "amount": p.amount, "method_id": p.method}
            for order in orders
            for at, p in enumerate(order.payments)
        ),
    )


def _children(
    connection: Connection, table: Table, parent: ColumnElement[Any], ids: Sequence[str]
) -> Mapping[str, list[RowMapping]]:
    """Rows of ``table`` by their parent, each in its order."""
    found: dict[str, list[RowMapping]] = defaultdict(list)
    # SQLite takes so many parameters; few shops have as many orders a shopper.
    for start in range(0, len(ids), 500):
        query = select(table).where(parent.in_(ids[start : start + 500])).order_by(parent, table.c.position)
        for row in connection.execute(query).mappings():
            found[row[str(parent.key)]].append(row)
    return found


def _user(row: RowMapping, methods: Sequence[RowMapping]) -> User:
    return User(
        UserId(row["id"]),
        row["first_name"],
        row["last_name"],
        row["email"],
        Address(**row["address"]),
        tuple(PaymentMethod(MethodId(m["id"]), m["source"], m["brand"], m["last_four"], m["balance"]) for m in methods),
    )


def _user_values(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "email_key": user.email.casefold(),
        "postcode_key": fold(user.address.zip),
        "address": asdict(user.address),
    }


def _order(
    row: RowMapping,
    items: Sequence[RowMapping],
    payments: Sequence[RowMapping],
    parcels: Sequence[RowMapping],
    today: date,
) -> Order:
    return Order(
        id=OrderId(row["id"]),
        user=UserId(row["user_id"]),
        status=row["status"],
        address=Address(**row["address"]),
        items=tuple(Item(ItemId(i["item_id"]), i["product_id"], i["name"], i["price"], i["options"]) for i in items),
        payments=tuple(Payment(p["kind"], p["amount"], MethodId(p["method_id"])) for p in payments),
        fulfilments=tuple(Fulfilment(tuple(f["tracking"]), tuple(f["items"]), f["carrier"]) for f in parcels),
        ordered=_day(row["ordered"], row["ordered_days_ago"], today),
        delivered=_day(row["delivered"], row["delivered_days_ago"], today),
        cancel_reason=row["cancel_reason"],
        returned=_returned(row["returned"]),
        exchanged=_exchanged(row["exchanged"]),
    )


def _day(day: date | None, days_ago: int | None, today: date) -> date | None:
    return day if days_ago is None else today - timedelta(days=days_ago)


def _returned(value: Mapping[str, Any] | None) -> ReturnRequest | None:
    return ReturnRequest(tuple(value["items"]), value["method"]) if value else None


def _exchanged(value: Mapping[str, Any] | None) -> ExchangeRequest | None:
    if not value:
        return None
    return ExchangeRequest(tuple(value["items"]), tuple(value["new_items"]), value["method"], value["difference"])


def _order_values(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "user_id": order.user,
        "status": order.status,
        "address": asdict(order.address),
        "ordered": order.ordered,
        "delivered": order.delivered,
        "cancel_reason": order.cancel_reason,
        "returned": order.returned and asdict(order.returned),
        "exchanged": order.exchanged and asdict(order.exchanged),
    }
