"""What makes a true sentence false, one kind after another; never the sentence itself, and always the same."""

import pytest

from bot.lessons.falsify import ANTONYM, CONDITION, NAME, NEGATION, NUMBER, ONLY, SUBJECT, reword
from bot.lessons.swaps import swap

SHIPPING = (
    "Belgium: 3.95 EUR, free from 39 EUR",
    "France: 6.90 EUR, free from 69 EUR",
    "Parcels to Spain and Portugal are sent on Mondays.",
    "Gift cards cannot be returned.",
    "Loose tea can be returned within 14 days.",
    "The kettle weighs 1.2 kg and the pot weighs 900 g.",
)


@pytest.mark.parametrize(
    ("kind", "true", "false"),
    [
        (NEGATION, "The box can be returned.", "The box cannot be returned."),
        (NEGATION, "The lid is included.", "The lid is not included."),
        (NEGATION, "We deliver to Norway.", "We do not deliver to Norway."),
        (NEGATION, "The offer applies to sale items.", "The offer does not apply to sale items."),
        (NEGATION, "The lamp has a switch.", "The lamp does not have a switch."),
        (NEGATION, "Gift cards cannot be returned.", "Gift cards can be returned."),
        (NEGATION, "The code does not apply to books.", "The code applies to books."),
        (NEGATION, "Do not wash it.", "Wash it."),
        (NEGATION, "A second parcel is sent at no extra cost.", "A second parcel is sent at extra cost."),
        (ONLY, "Express is offered only in Malta.", "Express is offered in Malta."),
        (ONLY, "We ship by Postilla.", "We ship only by Postilla."),
        (ANTONYM, "Cancel before the parcel leaves.", "Cancel after the parcel leaves."),
        (ANTONYM, "The return is free.", "The return costs extra."),
        (ANTONYM, "You pay the return.", "We pay the return."),
        (ANTONYM, "It needs at least 2 m.", "It needs at most 2 m."),
        (ANTONYM, "It comes with a cable.", "It comes without a cable."),
        (CONDITION, "Games can be returned if the seal is unbroken.", "Games can be returned."),
        (CONDITION, "Return it if the seal is unbroken.", "Return it unless the seal is unbroken."),
        (CONDITION, "If the fault is ours, we pay the visit.", "We pay the visit."),
        (CONDITION, "All sizes are sold, except size 44.", "All sizes are sold."),
    ],
)
def test_that_a_true_sentence_is_made_false_by_its_wording(kind: str, true: str, false: str) -> None:
    assert (kind, false) in [(made.kind, made.text) for made in reword(true, "")]


@pytest.mark.parametrize(
    ("kind", "true", "false"),
    [
        (NUMBER, "Delivery to Belgium costs 3.95 EUR.", "Delivery to Belgium costs 6.90 EUR."),
        (NUMBER, "The kettle weighs 1.2 kg.", "The kettle weighs 900 kg."),
        (NAME, "Delivery to Belgium costs 3.95 EUR.", "Delivery to France costs 3.95 EUR."),
        (SUBJECT, "Gift cards cannot be returned.", "Gift cards can be returned within 14 days."),
    ],
)
def test_that_a_sentence_is_made_false_by_what_its_passage_says_elsewhere(kind: str, true: str, false: str) -> None:
    assert (kind, false) in [(made.kind, made.text.rstrip(".") + ".") for made in swap(true, SHIPPING)]


def test_that_names_in_one_list_are_not_swapped_because_the_sentence_stays_true() -> None:
    made = swap("Parcels to Spain are sent on Mondays.", SHIPPING)
    assert "Parcels to Portugal are sent on Mondays." not in [each.text for each in made]


def test_that_an_only_is_not_added_where_the_passage_has_one() -> None:
    assert ONLY not in {made.kind for made in reword("We ship by Postilla.", "We ship by Postilla only.")}


def test_that_no_falsehood_is_the_sentence_itself_and_none_comes_twice() -> None:
    for sentence in (*SHIPPING, "You can return it with or without the box, before or after the sale, if you must."):
        made = [each.text for each in (*reword(sentence, ""), *swap(sentence, SHIPPING))]
        assert sentence not in made
        assert len(set(made)) == len(made)


def test_that_the_same_sentence_is_always_falsified_the_same_way() -> None:
    for sentence in SHIPPING:
        assert reword(sentence, "") == reword(sentence, "")
        assert swap(sentence, SHIPPING) == swap(sentence, SHIPPING)


def test_that_a_falsehood_names_what_it_changed() -> None:
    made = next(each for each in reword("The lid is included.", "") if each.kind == NEGATION)
    assert (made.before, made.after) == ("is", "is not")
