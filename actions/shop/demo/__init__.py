"""The demo shop, Larkfell Outdoor: the products of `knowledge/products.csv` with their variants, some shoppers, and
orders that stay as many days old as they are."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Engine, func, select

from actions.shop.database import exclusive
from actions.shop.plain import cents, read_order, read_user
from actions.shop.records import ItemId, Order, Product, Variant
from actions.shop.rows import insert_orders, insert_products, insert_users
from actions.shop.schema import USERS

_HERE = Path(__file__).parent


def seed(engine: Engine) -> bool:
    """Fill an empty database with the demo, once; says whether it did. A database that has users is left alone."""
    products = {product.id: product for product in read_products()}
    source = yaml.safe_load((_HERE / "shop.yml").read_text("utf-8"))["users"]
    users = [read_user(_user(row), name) for name, row in source.items()]
    rows = [(number, name, row) for name, user in source.items() for number, row in user["orders"].items()]
    orders = [_order(number, name, row, source[name]["address"], products) for number, name, row in rows]
    ages = {number: (row["ordered"], row.get("delivered")) for number, _, row in rows}
    with exclusive(engine) as connection:
        if connection.execute(select(func.count()).select_from(USERS)).scalar_one():
            return False
        insert_users(connection, users)
        insert_products(connection, list(products.values()))
        insert_orders(connection, orders, ages)
        return True


def read_products() -> list[Product]:
    """The products, each with a variant for every colour in every size."""
    with (_HERE / "products.csv").open(encoding="utf-8", newline="") as file:
        return [
            Product(
                *(row["sku"], row["name"], tuple(_variants(row)), row["category"]),
                returnable=row["sku"] != "LFG-CARD",
                attributes=dict(pair.split(": ") for pair in row["attributes"].split(" | ") if pair),
            )
            for row in csv.DictReader(file)
        ]


def _variants(row: Mapping[str, str]) -> Iterator[Variant]:
    sold_out = row["sold_out"].split("|")
    for colour in row["colours"].split("|"):
        for size in row["sizes"].split("|"):
            options = {name: value for name, value in (("colour", colour), ("size", size)) if value}
            gone = sold_out == ["all"] or bool({colour, f"{colour}/{size}"} & set(filter(None, sold_out)))
            yield Variant(item_id(row["sku"], colour, size), options, cents(float(row["price"])), not gone)


def item_id(sku: str, colour: str = "", size: str = "") -> ItemId:
    """What a variant is called: ``LFJ-GHYM-BLACK-M``."""
    parts = (part.replace(" ", "-").replace("/", "-").upper() for part in (sku, colour, size) if part)
    return ItemId("-".join(parts))


def _user(row: Mapping[str, Any]) -> dict[str, Any]:
    first, last = row["name"]
    methods = {method["id"]: method for method in row["methods"]}
    return {**row, "name": {"first_name": first, "last_name": last}, "payment_methods": methods}


def _order(
    number: str, user: str, row: Mapping[str, Any], address: Mapping[str, str], products: Mapping[str, Product]
) -> Order:
    items = []
    for sku, *options in row["items"]:
        variant = products[sku].variant(item_id(sku, *options))
        assert variant, f"{number}: {sku} has no {options}"
        items.append(
            {
                "name": products[sku].name,
                "product_id": sku,
                "item_id": variant.id,
                "price": variant.price / 100,
                "options": variant.options,
            }
        )
    total = sum(item["price"] for item in items)
    kinds = ("payment", "refund") if row["status"] in ("cancelled", "returned") else ("payment",)
    parcel = row.get("parcel")
    tracking = [parcel["tracking"]] if parcel and "tracking" in parcel else []
    plain = {
        "order_id": number,
        "user_id": user,
        "status": row["status"],
        "address": address,
        "items": items,
        "payment_history": [
            {"transaction_type": kind, "amount": total, "payment_method_id": row["paid"]} for kind in kinds
        ],
        "fulfillments": [
            {"tracking_id": tracking, "item_ids": [item["item_id"] for item in items], "carrier": parcel["carrier"]}
        ]
        if parcel
        else [],
    }
    return read_order(plain | ({"cancel_reason": row["reason"]} if "reason" in row else {}))
