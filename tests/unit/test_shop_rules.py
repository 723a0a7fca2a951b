"""The shop's rules, each at its border."""

from dataclasses import replace
from datetime import date

import pytest

from actions.shop.plain import read_order, read_user
from actions.shop.records import (
    CANCELLED,
    DELIVERED,
    PENDING_MODIFIED,
    Address,
    Change,
    ItemId,
    Order,
    Payment,
    Product,
    Refusal,
    User,
    Variant,
    Why,
)
from actions.shop.rules import (
    Policy,
    cancel,
    change_address,
    change_items,
    change_payment,
    exchange_items,
    paid_with,
    return_items,
)
from tests.shops import SMALL

TODAY = date(2026, 5, 31)
ADA: User = read_user(SMALL["users"]["ada_1"], "ada_1")
PENDING = read_order(SMALL["orders"]["#W1000001"])
BY_CARD = read_order(SMALL["orders"]["#W1000002"])
THERE = read_order(SMALL["orders"]["#W1000003"])
PRODUCTS = {
    row["product_id"]: Product(
        row["product_id"],
        row["name"],
        tuple(
            Variant(ItemId(v["item_id"]), v["options"], round(v["price"] * 100), v["available"])
            for v in row["variants"].values()
        ),
    )
    for row in SMALL["products"].values()
}
NEVER_MIND = Address("", "", "", "", "", "")


def changed(change: Change | Refusal) -> tuple[Order, User]:
    assert isinstance(change, Change), change
    assert change.order
    return change.order, change.user or ADA


def test_that_a_cancelled_order_gives_its_money_back_where_it_came_from() -> None:
    order, user = changed(cancel(BY_CARD, ADA, "no longer needed"))
    assert order.status == CANCELLED
    assert order.payments[-1] == Payment("refund", 1010, BY_CARD.payments[0].method)
    assert user.methods[0].balance == 3000 + 1010
    order, user = changed(cancel(PENDING, ADA, "ordered by mistake"))
    assert user == ADA


def test_that_money_that_moved_before_is_given_back_once() -> None:
    moved, user = changed(change_payment(BY_CARD, ADA, "credit_card_1"))
    assert paid_with(moved) == {"credit_card_1": 1010}
    order, user = changed(cancel(moved, user, "no longer needed"))
    assert paid_with(order) == {}
    assert user.methods[0].balance == 4010


@pytest.mark.parametrize("reason", ["", "too expensive", "No longer needed"])
def test_that_only_two_reasons_cancel(reason: str) -> None:
    assert cancel(PENDING, ADA, reason) == Refusal(Why.REASON, reason)


@pytest.mark.parametrize("status", ["processed", "delivered", "cancelled", PENDING_MODIFIED])
def test_that_only_a_pending_order_is_touched_before_it_is_there(status: str) -> None:
    order = replace(PENDING, status=status)
    refusal = Refusal(Why.NOT_PENDING, status)
    assert cancel(order, ADA, "no longer needed") == refusal
    assert change_address(order, NEVER_MIND) == refusal
    assert change_payment(order, ADA, "credit_card_1") == refusal
    assert change_items(order, ADA, PRODUCTS, ["101"], ["102"], "paypal_1") == refusal


def test_that_payment_moves_only_to_another_method_that_holds_enough() -> None:
    assert change_payment(PENDING, ADA, "paypal_1") == Refusal(Why.SAME_METHOD, "paypal_1")
    assert change_payment(PENDING, ADA, "paypal_2") == Refusal(Why.NO_SUCH_METHOD, "paypal_2")
    assert change_payment(PENDING, ADA, "gift_card_1") == Refusal(Why.BALANCE, "gift_card_1")
    enough = replace(ADA, methods=(replace(ADA.methods[0], balance=5010), *ADA.methods[1:]))
    order, user = changed(change_payment(PENDING, enough, "gift_card_1"))
    assert user.methods[0].balance == 0
    assert [payment.kind for payment in order.payments] == ["payment", "payment", "refund"]
    assert change_payment(order, user, "credit_card_1") == Refusal(Why.NOT_ONE_PAYMENT)


def test_that_items_change_once_within_their_product_to_what_is_there() -> None:
    order, user = changed(change_items(PENDING, ADA, PRODUCTS, ["101"], ["102"], "gift_card_1"))
    assert order.status == PENDING_MODIFIED
    assert [item.id for item in order.items] == ["102", "201"]
    assert order.total == 1235 + 4000
    assert user.methods[0].balance == 3000 - 225
    for items, new, why in (
        (["101"], ["103"], Refusal(Why.UNAVAILABLE, "103")),
        (["101"], ["202"], Refusal(Why.UNAVAILABLE, "202")),
        (["101", "101"], ["102", "102"], Refusal(Why.NO_SUCH_ITEM, "101")),
        (["101", "201"], ["102"], Refusal(Why.COUNT)),
        (["201"], ["202"], Refusal(Why.BALANCE, "gift_card_1")),
    ):
        assert change_items(PENDING, ADA, PRODUCTS, items, new, "gift_card_1") == why


def test_that_what_is_there_goes_back_to_the_original_method_or_a_gift_card() -> None:
    order, _ = changed(return_items(THERE, ADA, PRODUCTS, ["201", "101"], "gift_card_1", Policy(), TODAY))
    assert order.returned
    assert order.returned.items == ("101", "201")
    assert order.payments == THERE.payments
    refused = return_items(THERE, ADA, PRODUCTS, ["101"], "credit_card_1", Policy(), TODAY)
    assert refused == Refusal(Why.REFUND_METHOD, "credit_card_1")
    for items in (["101"] * 3, ["102"]):
        assert return_items(THERE, ADA, PRODUCTS, items, "paypal_1", Policy(), TODAY) == Refusal(
            Why.NO_SUCH_ITEM, items[0]
        )
    again = return_items(order, ADA, PRODUCTS, ["101"], "paypal_1", Policy(), TODAY)
    assert again == Refusal(Why.NOT_DELIVERED, "return requested")


def test_that_the_return_period_ends_after_its_last_day() -> None:
    for day, allowed in ((date(2026, 5, 1), True), (date(2026, 4, 30), False)):
        order = replace(THERE, delivered=day)
        for change in (
            return_items(order, ADA, PRODUCTS, ["101"], "paypal_1", Policy(30), TODAY),
            exchange_items(order, ADA, PRODUCTS, ["101"], ["102"], "paypal_1", Policy(30), TODAY),
        ):
            assert isinstance(change, Change) == allowed
            assert allowed or change == Refusal(Why.TOO_LATE, "30")


def test_that_what_stays_sold_is_neither_returned_nor_exchanged() -> None:
    products = {**PRODUCTS, "10": replace(PRODUCTS["10"], returnable=False)}
    refusal = Refusal(Why.NOT_RETURNABLE, "Mug")
    assert return_items(THERE, ADA, products, ["101"], "paypal_1", Policy(), TODAY) == refusal
    assert exchange_items(THERE, ADA, products, ["101"], ["102"], "paypal_1", Policy(), TODAY) == refusal


def test_that_an_exchange_only_registers_what_is_owed() -> None:
    order, user = changed(
        exchange_items(THERE, ADA, PRODUCTS, ["101", "101"], ["102", "104"], "paypal_1", Policy(), TODAY)
    )
    assert order.status == "exchange requested"
    assert order.items == THERE.items
    assert user == ADA
    assert order.exchanged
    assert order.exchanged.difference == 1235 + 805 - 2020
    pending = replace(THERE, status="pending")
    assert exchange_items(pending, ADA, PRODUCTS, ["101"], ["102"], "paypal_1", Policy(), TODAY) == Refusal(
        Why.NOT_DELIVERED, "pending"
    )
    assert THERE.status == DELIVERED


def test_that_a_swap_costs_what_was_agreed_or_is_refused() -> None:
    for agreed in (None, 225):
        assert isinstance(change_items(PENDING, ADA, PRODUCTS, ["101"], ["102"], "paypal_1", agreed), Change)
        assert isinstance(
            exchange_items(THERE, ADA, PRODUCTS, ["101"], ["102"], "paypal_1", Policy(), TODAY, agreed), Change
        )
    refusal = Refusal(Why.PRICE, "225")
    for agreed in (0, 224):
        assert change_items(PENDING, ADA, PRODUCTS, ["101"], ["102"], "paypal_1", agreed) == refusal
        assert exchange_items(THERE, ADA, PRODUCTS, ["101"], ["102"], "paypal_1", Policy(), TODAY, agreed) == refusal
