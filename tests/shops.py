"""Shops for the tests: the demo on any database, and a small one in tau-bench's shape whose figures are ours."""

from typing import Any

from actions.shop import demo
from actions.shop.database import connect, empty, exclusive, migrate
from actions.shop.plain import load
from actions.shop.shop import Shop

ADDRESS = {
    "address1": "1 Elm Way",
    "address2": "",
    "city": "Ely",
    "state": "",
    "country": "United Kingdom",
    "zip": "CB7",
}

SMALL: dict[str, Any] = {
    "users": {
        "ada_1": {
            "name": {"first_name": "Ada", "last_name": "Ash"},
            "address": ADDRESS,
            "email": "ada@mail.example",
            "payment_methods": {
                "gift_card_1": {"source": "gift_card", "id": "gift_card_1", "balance": 30.0},
                "paypal_1": {"source": "paypal", "id": "paypal_1"},
                "credit_card_1": {"source": "credit_card", "id": "credit_card_1", "brand": "visa", "last_four": "1111"},
            },
            "orders": ["#W1000001", "#W1000002", "#W1000003"],
        },
        "bob_2": {
            "name": {"first_name": "Bob", "last_name": "Birch"},
            "address": {**ADDRESS, "zip": "CB8"},
            "email": "Bob@mail.example",
            "payment_methods": {"paypal_2": {"source": "paypal", "id": "paypal_2"}},
            "orders": ["#W1000009"],
        },
    },
    "products": {
        "10": {
            "name": "Mug",
            "product_id": "10",
            "variants": {
                "101": {"item_id": "101", "options": {"color": "blue"}, "available": True, "price": 10.1},
                "102": {"item_id": "102", "options": {"color": "red"}, "available": True, "price": 12.35},
                "103": {"item_id": "103", "options": {"color": "green"}, "available": False, "price": 9.0},
                "104": {"item_id": "104", "options": {"color": "black"}, "available": True, "price": 8.05},
            },
        },
        "20": {
            "name": "Kettle",
            "product_id": "20",
            "variants": {
                "201": {"item_id": "201", "options": {"size": "1 l"}, "available": True, "price": 40.0},
                "202": {"item_id": "202", "options": {"size": "2 l"}, "available": True, "price": 99.99},
            },
        },
    },
    "orders": {},
}


def _order(number: str, user: str, status: str, items: list[str], method: str) -> None:
    lines = []
    for item in items:
        product = next(p for p in SMALL["products"].values() if item in p["variants"])
        variant = product["variants"][item]
        lines.append(
            {
                "name": product["name"],
                "product_id": product["product_id"],
                "item_id": item,
                "price": variant["price"],
                "options": variant["options"],
            }
        )
    SMALL["orders"][number] = {
        "order_id": number,
        "user_id": user,
        "address": SMALL["users"][user]["address"],
        "items": lines,
        "fulfillments": [],
        "status": status,
        "payment_history": [
            {
                "transaction_type": "payment",
                "amount": round(sum(line["price"] for line in lines), 2),
                "payment_method_id": method,
            }
        ],
    }


_order("#W1000001", "ada_1", "pending", ["101", "201"], "paypal_1")
_order("#W1000002", "ada_1", "pending", ["101"], "gift_card_1")
_order("#W1000003", "ada_1", "delivered", ["101", "101", "201"], "paypal_1")
_order("#W1000009", "bob_2", "pending", ["102"], "paypal_2")


def small_shop(url: str) -> Shop:
    """The small shop on the database of ``url``."""
    engine = connect(url)
    migrate(engine)
    load(engine, SMALL)
    return Shop(engine)


def demo_shop(url: str) -> Shop:
    """The demo shop on the database of ``url``, as on its first day."""
    engine = connect(url)
    migrate(engine)
    with exclusive(engine) as connection:
        empty(connection)
    demo.seed(engine)
    return Shop(engine)
