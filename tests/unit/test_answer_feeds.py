"""Attributes of public sets, read as a product feed is."""

import pytest

from bot.evaluation.answer_feeds import read_attribute


@pytest.mark.parametrize(
    ("attribute", "told"),
    [
        ("item_weight: { unit:pounds, normalized_value:{ unit:grams, value:812 }, value:1.79 }",
         "item weight: 1.79 pounds"),
        ("material: { value:\"soft nylon\" }; { value:'cork' }", "material: soft nylon, cork"),
        ("lid: { material:[ { value:\"glass\" }, { value:\"steel, dull\" } ] }", "lid: material glass, steel, dull"),
        ("dimensions: { width:{ unit:cm, value:11.0 }, height:{ unit:cm, value:4.50 } }",
         "dimensions: width 11 cm, height 4.5 cm"),
        ("rate: { unit:bits_per_second, value:30. }", "rate: 30 bits per second"),
        ("foldable: { value:false }", "foldable: no"),
        ("label: { value:\"women's \"best\": a, b\" }", "label: women's \"best\": a, b"),
    ],
)  # fmt: skip
def test_that_an_attribute_is_told_in_words(attribute: str, told: str) -> None:
    assert read_attribute(attribute) == told


@pytest.mark.parametrize("text", ["Yes, it folds.", "note: it folds", "width: { unit:cm", "width: { unit", "{ } ]"])
def test_that_any_other_text_stays_as_it_is(text: str) -> None:
    assert read_attribute(text) == text
