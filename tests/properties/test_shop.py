"""Whatever is asked of the shop, however often and by whomever at once: each action once, and the money adds up."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions.shop.database import connect
from actions.shop.plain import dump, load
from actions.shop.records import CANCEL_REASONS, Address, Key, Receipt, Refusal, UserId
from actions.shop.shop import Shop
from tests.shops import SMALL, small_shop

USERS = st.sampled_from(["ada_1", "bob_2"]).map(UserId)
ORDERS = st.sampled_from([*SMALL["orders"], "#W404"])
ITEMS = st.lists(st.sampled_from(["101", "102", "104", "201", "202"]), max_size=3)
METHODS = st.sampled_from(["gift_card_1", "paypal_1", "credit_card_1", "paypal_2", "none"])
ELSEWHERE = Address("9 Ash Way", "", "York", "", "United Kingdom", "YO1")

Call = Callable[[Shop, Key], Receipt | Refusal]


@st.composite
def calls(draw: st.DrawFn) -> Call:
    user, order, method = draw(USERS), draw(ORDERS), draw(METHODS)
    items, new = draw(ITEMS), draw(ITEMS)
    kinds: list[Call] = [
        lambda shop, key: shop.cancel(key, user, order, CANCEL_REASONS[len(items) % 2]),
        lambda shop, key: shop.change_payment(key, user, order, method),
        lambda shop, key: shop.change_items(key, user, order, items, new, method),
        lambda shop, key: shop.return_items(key, user, order, items, method),
        lambda shop, key: shop.exchange_items(key, user, order, items, new, method),
        lambda shop, key: shop.change_address(key, user, order, ELSEWHERE),
        lambda shop, key: shop.change_default_address(key, user, ELSEWHERE),
    ]
    return draw(st.sampled_from(kinds))


@st.composite
def wishes(draw: st.DrawFn) -> tuple[Key, Call, int]:
    """A call under a key, few enough that keys come again, and by how many it is made at once."""
    return Key(f"turn-{draw(st.integers(0, 9))}"), draw(calls()), draw(st.integers(1, 3))


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, Shop]]:
    """Two processes' shops on one database."""
    url = f"sqlite:///{tmp_path_factory.mktemp('shop') / Path('shop.db')}"
    one, other = small_shop(url), Shop(connect(url))
    yield one, other
    one.engine.dispose()
    other.engine.dispose()


def amounts(order: dict[str, Any]) -> Counter[str]:
    net = Counter[str]()
    for payment in order["payment_history"]:
        cents = round(payment["amount"] * 100)
        assert cents >= 0
        net[payment["payment_method_id"]] += cents if payment["transaction_type"] == "payment" else -cents
    return net


def check(data: dict[str, Any]) -> None:
    """What holds of every shop."""
    spent = Counter[str]()
    for number, order in data["orders"].items():
        assert len(order["items"]) == len(SMALL["orders"][number]["items"])
        assert [i["product_id"] for i in order["items"]] == [i["product_id"] for i in SMALL["orders"][number]["items"]]
        total = 0 if order["status"] == "cancelled" else sum(round(item["price"] * 100) for item in order["items"])
        assert sum(amounts(order).values()) == total
        spent += amounts(order)
        here = Counter(item["item_id"] for item in order["items"])
        assert Counter(order.get("return_items", ())) <= here
        assert Counter(order.get("exchange_items", ())) <= here
        assert len(order.get("exchange_new_items", ())) == len(order.get("exchange_items", ()))
    start = {
        m: v["balance"] for u in SMALL["users"].values() for m, v in u["payment_methods"].items() if "balance" in v
    }
    before = Counter[str]()
    for order in SMALL["orders"].values():
        before += amounts(order)
    for user in data["users"].values():
        for name, method in user["payment_methods"].items():
            if "balance" in method:
                assert method["balance"] >= 0
                paid = sum(amounts(order)[name] for order in data["orders"].values())
                assert round(method["balance"] * 100) == round(start[name] * 100) + before[name] - paid


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(wishes(), max_size=14))
def test_that_every_action_happens_once_and_money_adds_up(
    shops: tuple[Shop, Shop], asked: list[tuple[Key, Call, int]]
) -> None:
    load(shops[0].engine, SMALL)
    done: dict[Key, Receipt] = {}
    states = [dump(shops[0])]
    with ThreadPoolExecutor(3) as threads:
        for key, call, times in asked:
            results = list(threads.map(lambda at, key=key, call=call: call(shops[at % 2], key), range(times)))
            receipts = [result for result in results if isinstance(result, Receipt)]
            for receipt in receipts:
                assert done.setdefault(key, receipt).number == receipt.number
                assert done[key].at == receipt.at
            states.append(dump(shops[0]))
            check(states[-1])
            assert {receipt.key for receipt in shops[1].receipts()} == done.keys()
    # Nothing but an action with a receipt changes anything.
    assert sum(before != after for before, after in pairwise(states)) <= len(done)
    assert len(shops[0].receipts()) == len(done)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(wishes(), max_size=10))
def test_that_no_shopper_touches_what_is_anothers(shops: tuple[Shop, Shop], asked: list[tuple[Key, Call, int]]) -> None:
    load(shops[0].engine, SMALL)
    for key, call, _ in asked:
        before = dump(shops[0])
        result = call(shops[0], key)
        after = dump(shops[0])
        user = result.user if isinstance(result, Receipt) else None
        for kind, owner in (("orders", lambda row: row["user_id"]), ("users", None)):
            for name, row in after[kind].items():
                if row != before[kind][name]:
                    assert user == (owner(row) if owner else name)
