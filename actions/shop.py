"""The shop's orders, behind the one question that the actions ask today: which order is this, and is it theirs?

The demo shop reads `orders.csv` beside this file; dates there are days before today, so the demo stays fresh.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

ORDERS = Path(__file__).with_name("orders.csv")


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the shop has it."""

    number: str
    email: str
    status: str
    """pending, packed, shipped, delivered, returned or cancelled."""
    ordered: date
    carrier: str
    tracking: str
    items: str


@cache
def _orders(path: Path) -> Mapping[str, Mapping[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["number"]: row for row in csv.DictReader(file)}


def find_order(number: str, email: str, path: Path = ORDERS) -> Order | None:
    """The order, if it exists *and* was placed with this e-mail address.

    A wrong address and a number that does not exist look the same to the caller: nobody learns from the answer which
    orders exist.
    """
    row = _orders(path).get(number.strip().upper())
    if row is None or row["email"].casefold() != email.strip().casefold():
        return None
    return Order(
        number=row["number"],
        email=row["email"],
        status=row["status"],
        ordered=datetime.now(UTC).date() - timedelta(days=int(row["ordered_days_ago"])),
        carrier=row["carrier"],
        tracking=row["tracking"],
        items=row["items"],
    )
