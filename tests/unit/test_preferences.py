"""What a shopper asks of a product to be recommended, read by rules from their words."""

import pytest

from actions.preferences import Preferences, read_preferences
from actions.shop.records import ItemId, Product, Variant


@pytest.mark.parametrize(
    ("text", "persons", "budget"),
    [
        ("can you recommend a tent for two?", 2, None),
        ("a 3-person tent under 400 euros", 3, 40_000),
        ("a tent for four people", 4, None),
        ("recommend a tent, there are five of us", 5, None),
        ("a tent for two weeks in Norway", None, None),
        ("a backpack for 3 days", None, None),
        ("a sleeping bag under 1000 g", None, None),
        ("a jacket up to €99.95", None, 9_995),
        ("a gift, max 50 euro", None, 5_000),
        ("能推荐一款双人帐篷吗", 2, None),
        ("三个人的帐篷，400欧以下", 3, 40_000),
        ("不超过150欧的外套", None, 15_000),
        ("recommend a stove", None, None),
        ("a tent for fıve", None, None),
        ("a tent for FİVE people", None, None),
        ("A TENT FOR FIVE, MAX EUR 400", 5, 40_000),
        ("a tent for up to 2 persons", 2, None),
        ("an up to 3-person tent", 3, None),
        ("can I have it within 3 days?", None, None),
        ("within 3 days, and under 200 euros", None, 20_000),
        ("a tent under 1,200 euros", None, 120_000),
        ("a tent under 1.500 €", None, 150_000),
        ("a tent under 1.500,50 €", None, 150_050),
        ("a tent under 1200.5 euros", None, 120_050),
        ("最多2个人的帐篷", 2, None),
        ("不超过3天", None, None),
        ("1,200欧以下的帐篷", None, 120_000),
    ],
)
def test_that_persons_and_a_price_are_read(text: str, persons: int | None, budget: int | None) -> None:
    preferences = read_preferences(text)
    assert (preferences.persons, preferences.budget) == (persons, budget)


TENT = Product(
    *("T", "Tent", (), "Tents"),
    attributes={"capacity": "2 persons"},
)


def offered(*variants: tuple[str, int, bool]) -> Product:
    made = [Variant(ItemId(colour), {"colour": colour}, price, there) for colour, price, there in variants]
    return Product(TENT.id, TENT.name, tuple(made), TENT.category, attributes=TENT.attributes)


def test_that_one_variant_has_to_fit_all_of_it() -> None:
    preferences = Preferences(persons=2, budget=20_000, options=("green",))
    assert preferences.fit(offered(("moss green", 19_900, True)))
    assert not preferences.fit(offered(("moss green", 19_900, False), ("black", 19_900, True)))
    assert not preferences.fit(offered(("moss green", 29_900, True), ("black", 19_900, True)))
    assert not Preferences(persons=3).fit(offered(("moss green", 19_900, True)))
    assert not Preferences(persons=2).fit(Product("F", "Footprint", TENT.variants))
