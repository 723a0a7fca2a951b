"""Which payment method is taken, and what is said where the one that was named cannot pay."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.scene import WISH, Filled, Scene, Unclear
from actions.shop.shop import Shop
from actions.steps.method import method_step, replacing
from tests.shops import small_shop

STEP = method_step("switch", replacing)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = small_shop(f"sqlite:///{tmp_path / 'shop.db'}")
    yield shop
    shop.engine.dispose()


def wishing(shop: Shop, text: str) -> Scene:
    slots = {WISH: text, "shopper": "ada_1", "order": "#W1000001"}
    return Scene(shop, text, "", "en", None, {}, "c", "m", slots)


def test_that_no_other_method_is_taken_unasked_where_a_gift_card_was_named_that_holds_too_little(shop: Shop) -> None:
    low = STEP.offer(wishing(shop, "pay #W1000001 with my gift card instead"))
    assert isinstance(low, Unclear)
    assert low.why.startswith("There is not enough left on your gift card for this.")
    assert "30.00 EUR left" in low.why


def test_that_the_only_method_that_can_pay_is_taken_where_none_was_named(shop: Shop) -> None:
    assert STEP.offer(wishing(shop, "pay #W1000001 another way")) == Filled("credit_card_1")
