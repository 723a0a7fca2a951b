"""The nouns of a shop: users, products, orders, receipts, and why something was refused. Amounts are whole cents."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NewType

UserId = NewType("UserId", str)
OrderId = NewType("OrderId", str)
ItemId = NewType("ItemId", str)
"""Which variant of a product; what an order line holds."""
MethodId = NewType("MethodId", str)
Key = NewType("Key", str)
"""What the caller names one action by: the same key does it once."""

GIFT_CARD = "gift_card"
"""The source of a payment method that holds a balance here; all others are settled by their own company."""

PENDING = "pending"
PENDING_MODIFIED = "pending (item modified)"
DELIVERED = "delivered"
CANCELLED = "cancelled"
RETURN_REQUESTED = "return requested"
EXCHANGE_REQUESTED = "exchange requested"

CANCEL_REASONS = ("no longer needed", "ordered by mistake")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a parcel goes; parts that a country does not have are empty."""

    address1: str
    address2: str
    city: str
    state: str
    country: str
    zip: str

    def line(self) -> str:
        """The whole address on one line, as a shopper would write it."""
        parts = (self.address1, self.address2, self.city, f"{self.state} {self.zip}".strip(), self.country)
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """A way to pay that a user keeps with the shop."""

    id: MethodId
    source: str
    """``credit_card``, ``paypal``, ``gift_card``, or whatever else the shop takes."""
    brand: str | None = None
    last_four: str | None = None
    balance: int | None = None
    """What a gift card still holds; None for all else."""


@dataclass(frozen=True, slots=True)
class User:
    """A shopper whom the shop knows."""

    id: UserId
    first_name: str
    last_name: str
    email: str
    address: Address
    methods: tuple[PaymentMethod, ...] = ()

    def method(self, method: str) -> PaymentMethod | None:
        """The payment method of this id, if it is theirs."""
        return next((own for own in self.methods if own.id == method), None)


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing that can be bought: a product in a colour, a size."""

    id: ItemId
    options: Mapping[str, str]
    price: int
    available: bool


@dataclass(frozen=True, slots=True)
class Product:
    """A product with its variants."""

    id: str
    name: str
    variants: tuple[Variant, ...]
    category: str = ""
    returnable: bool = True
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What can be asked of it beside its price and its options: ``capacity: 2 persons``."""

    def variant(self, item: str) -> Variant | None:
        """The variant of this id, if the product has it."""
        return next((variant for variant in self.variants if variant.id == item), None)


@dataclass(frozen=True, slots=True)
class Item:
    """A line of an order: one piece."""

    id: ItemId
    product: str
    name: str
    price: int
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that went one way."""

    kind: str
    """``payment`` or ``refund``."""
    amount: int
    method: MethodId


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """A parcel, or several, with what is in it."""

    tracking: tuple[str, ...]
    items: tuple[ItemId, ...]
    carrier: str = ""


@dataclass(frozen=True, slots=True)
class ReturnRequest:
    """What comes back, and where its money goes."""

    items: tuple[ItemId, ...]
    method: MethodId


@dataclass(frozen=True, slots=True)
class ExchangeRequest:
    """What comes back, what goes out for it, and who pays or gets the difference."""

    items: tuple[ItemId, ...]
    new_items: tuple[ItemId, ...]
    method: MethodId
    difference: int
    """What the shopper pays; below zero, gets."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the shop has it."""

    id: OrderId
    user: UserId
    status: str
    address: Address
    items: tuple[Item, ...]
    payments: tuple[Payment, ...]
    fulfilments: tuple[Fulfilment, ...] = ()
    ordered: date | None = None
    delivered: date | None = None
    cancel_reason: str | None = None
    returned: ReturnRequest | None = None
    exchanged: ExchangeRequest | None = None

    @property
    def total(self) -> int:
        """What its items cost together."""
        return sum(item.price for item in self.items)


class Why(StrEnum):
    """Why the shop refuses; each is worded by the actions."""

    NO_SUCH_ORDER = "no such order"
    """It does not exist, or is somebody else's: nobody learns which."""
    NO_SUCH_USER = "no such user"
    NOT_PENDING = "not pending"
    NOT_DELIVERED = "not delivered"
    REASON = "reason not allowed"
    NO_SUCH_ITEM = "item not in order"
    COUNT = "not one new item for each"
    UNAVAILABLE = "new item not available"
    NO_SUCH_METHOD = "no such payment method"
    SAME_METHOD = "same payment method"
    NOT_ONE_PAYMENT = "not exactly one payment"
    BALANCE = "gift card balance too low"
    REFUND_METHOD = "neither the original method nor a gift card"
    TOO_LATE = "return period over"
    NOT_RETURNABLE = "product cannot be returned"
    PRICE = "price is another than was agreed"
    KEY_TAKEN = "key of another action"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The shop did nothing, and why."""

    why: Why
    about: str = ""
    """The item, method or status that it is about."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an action makes of an order or of its user; what is None stays as it is."""

    order: Order | None = None
    user: User | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the receipt says, in plain JSON."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that an action happened, once."""

    key: Key
    action: str
    user: UserId
    order: OrderId | None
    result: Mapping[str, Any]
    at: datetime

    @property
    def number(self) -> str:
        """What a shopper can quote it by."""
        return str(self.result["receipt"])
