"""What bends a statement: a sentence may be weaker than its source, never stronger."""

import pytest

from bot.grounding.library import spell
from bot.grounding.polarity import contradiction, read_bends


def disagree(said: str, source: str) -> str:
    return contradiction(read_bends(spell(said)), read_bends(spell(source)))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("Tents can be machine-washed.", "Tents cannot be machine-washed."),
        ("Gift cards cannot be returned.", "Gift cards can be returned."),
        ("We never sell your data.", "We sell your data."),
        ("Students get a code.", "Only students get a code."),
        ("Products can be returned.", "All products can be returned."),
        ("The code can be used once.", "The code can always be used."),
        ("Orders usually leave the same day.", "Orders leave the same day."),
        ("You can return the box.", "You must return the box."),
        ("You can cancel until the order is packed.", "You can cancel."),
        ("You can cancel until the order is packed.", "You can cancel after the order is packed."),
        ("You can return food unless it is opened.", "You can return food."),
        ("You can return food unless it is opened.", "You can return food if it is opened."),
        ("Refunds come after the parcel arrives.", "Refunds come before the parcel arrives."),
        ("The price is with VAT.", "The price is without VAT."),
        ("It is a jacket for women.", "It is a jacket for men."),
        ("Opened food is refused.", "Unopened food is refused."),
        ("The duties are paid by the shopper.", "We pay the duties."),
        ("商品不能退货。", "商品能退货。"),
        ("商品可以退货。", "所有商品可以退货。"),
        ("如果未使用，可以退货。", "可以退货。"),
    ],
)
def test_that_a_bent_statement_contradicts_its_source(source: str, said: str) -> None:
    assert disagree(said, source)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("Gift cards cannot be returned.", "You can't return gift cards."),
        ("All jackets have a hood.", "Jackets have a hood."),
        ("You can cancel until the order is packed.", "Until the order is packed, you can cancel."),
        ("The shopper pays the duties.", "You pay the duties."),
        ("No more than 5 items fit.", "At most 5 items fit."),
        ("We ship to the UK, but not to Norway.", "We ship to the UK, but we do not ship to Norway."),
        ("商品不能退货。", "商品是不能退货的。"),
    ],
)
def test_that_a_faithful_statement_does_not(source: str, said: str) -> None:
    assert disagree(said, source) == ""
