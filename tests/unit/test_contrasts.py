"""Lines and made-up passages about two things: what is true of each, and what is the other's."""

import pytest

from bot.lessons.bindings import bound_pairs
from bot.lessons.contrasts import exchanges, read_contrast, read_thing


@pytest.mark.parametrize(
    ("line", "true", "false"),
    [
        (
            "The kettle costs 20 EUR and weighs 1 kg, the pot costs 30 EUR and weighs 2 kg.",
            ("The kettle costs 20 EUR and weighs 1 kg.", "The pot costs 30 EUR and weighs 2 kg."),
            ("The kettle costs 30 EUR and weighs 2 kg.", "The pot costs 20 EUR and weighs 1 kg."),
        ),
        (
            "Soil is included, the pot is not.",
            ("Soil is included.", "The pot is not included."),
            ("Soil is not included.", "The pot is included."),
        ),
        (
            "The first repair costs 69 GBP, the second 99 GBP.",
            ("The first repair costs 69 GBP.", "The second costs 99 GBP."),
            ("The first repair costs 99 GBP.", "The second costs 69 GBP."),
        ),
    ],
)
def test_that_each_thing_has_its_own_predicate_and_the_other_s_is_false(
    line: str, true: tuple[str, str], false: tuple[str, str]
) -> None:
    contrast = read_contrast(line)
    assert contrast is not None
    assert contrast.true == true
    assert tuple(made.text for made in contrast.false) == false


@pytest.mark.parametrize(
    "line",
    [
        "The kettle costs 20 EUR.",
        "Parcels to Spain and Portugal are sent on Mondays.",
        "The Air 14 has a matt screen, 16 GB of memory and a drive of 512 GB.",
        "E-books are delivered at once and therefore cannot be cancelled.",
        "Delivery costs 39 EUR in Germany and 54 EUR in Austria.",
    ],
)
def test_that_a_line_about_one_thing_is_no_contrast(line: str) -> None:
    assert read_contrast(line) is None
    assert list(exchanges(line)) == []


def test_that_two_things_are_exchanged_in_a_sentence() -> None:
    texts = [made.text for made in exchanges("The M costs 139 EUR, the L 169 EUR.")]
    assert texts == ["The L costs 139 EUR, the M 169 EUR."]


def test_that_a_plain_line_is_read_as_a_thing_and_what_it_says() -> None:
    assert read_thing("The castors cost 12 EUR.") == ("the castors", "many", "cost 12 EUR")
    assert read_thing("Write to us.") is None


LINES = (
    "The castors cost 12 EUR.",
    "The lid is included.",
    "The set is sold in May.",
    "Bulbs can be returned for free.",
)


def test_that_made_up_passages_hold_every_word_of_true_and_false_sentences() -> None:
    pairs = bound_pairs(LINES, 200, seed=3)
    assert len(pairs) >= 200
    assert {pair.supported for pair in pairs} == {True, False}
    by_passage: dict[str, list[bool]] = {}
    for pair in pairs:
        by_passage.setdefault(pair.source, []).append(pair.supported)
    assert all(sum(labels) * 2 == len(labels) for labels in by_passage.values()), "half of each passage's are true"
    assert len({(pair.source, pair.sentence) for pair in pairs}) == len(pairs)


def test_that_the_same_seed_makes_the_same_passages() -> None:
    assert bound_pairs(LINES, 60, seed=3) == bound_pairs(LINES, 60, seed=3)
    assert bound_pairs(LINES, 60, seed=3) != bound_pairs(LINES, 60, seed=4)
