"""What the entity extractor promises: the longest match, canonical values, Chinese, typos, and bounded time."""

from pathlib import Path

import pytest

from bot.understanding.entities import EntityExtractor
from bot.understanding.training_data import TrainingData, read_training_data

SHOP = r"""
version: "3.1"
nlu:
- regex: order_number
  examples: |
    - (?<![A-Za-z0-9])LF[\s-]?\d{6}(?!\d)
    - '#\s?\d{6}(?!\d)'
- lookup: product
  examples: |
    - Tarn 2 Tent
    - Tarn 2 Light Tent
    - Corrie 55 Backpack
- lookup: category
  examples: |
    - tent
    - boots
- lookup: colour
  examples: |
    - moss green
    - 红色
- lookup: country
  examples: |
    - Netherlands
    - IS
- synonym: Netherlands
  examples: |
    - Holland
- intent: order_status
  examples: |
    - where is [LF-204518](order_number)
    - this is my order
- intent: search
  examples: |
    - a [tipi]{"entity": "category", "value": "tent"} in size [38](size)
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> EntityExtractor:
    folder = tmp_path_factory.mktemp("intents")
    (folder / "shop.yml").write_text(SHOP.replace("'#", "#").replace("(?!\\d)'", "(?!\\d)"), encoding="utf-8")
    return EntityExtractor(read_training_data(folder))


@pytest.fixture(scope="module")
def bare() -> EntityExtractor:
    return EntityExtractor(TrainingData())


def found(extractor: EntityExtractor, text: str, requested: str | None = None) -> list[tuple[str, str, str]]:
    return [(e.name, e.value, text[e.start : e.end]) for e in extractor.extract(text, requested)]


def test_that_the_longest_match_wins(shop: EntityExtractor) -> None:
    assert found(shop, "is the tarn 2 light tent in stock") == [("product", "Tarn 2 Light Tent", "tarn 2 light tent")]


@pytest.mark.parametrize("written", ["LF-204518", "lf 204518", "LF204518", "#204518", "# 204518", "ＬＦ－２０４５１８"])
def test_that_an_order_number_is_read_as_the_shop_writes_it(shop: EntityExtractor, written: str) -> None:
    assert found(shop, f"it is {written}, please") == [("order_number", "LF-204518", written)]


def test_that_a_bare_number_is_an_order_number_only_when_asked_for(shop: EntityExtractor) -> None:
    assert found(shop, "204518") == []
    assert found(shop, "204518", requested="order_number") == [("order_number", "LF-204518", "204518")]
    assert found(shop, "it's 42", requested="size") == [("size", "42", "42")]


def test_that_synonyms_give_the_canonical_value(shop: EntityExtractor) -> None:
    assert found(shop, "to HOLLAND") == [("country", "Netherlands", "HOLLAND")]
    assert found(shop, "a tipi") == [("category", "tent", "tipi")]


def test_that_a_code_that_is_also_a_word_must_be_spelt_as_listed(shop: EntityExtractor) -> None:
    assert found(shop, "what is this") == []
    assert found(shop, "ship to IS") == [("country", "IS", "IS")]


def test_that_chinese_needs_no_spaces(shop: EntityExtractor) -> None:
    assert found(shop, "我要红色的Tarn 2 Tent") == [
        ("colour", "红色", "红色"),
        ("product", "Tarn 2 Tent", "Tarn 2 Tent"),
    ]
    assert found(shop, "订单LF-204518到哪了") == [("order_number", "LF-204518", "LF-204518")]


def test_that_one_typo_in_a_product_name_is_forgiven(shop: EntityExtractor) -> None:
    assert found(shop, "the corie 55 backpack") == [("product", "Corrie 55 Backpack", "corie 55 backpack")]
    assert found(shop, "tarn-2 tetn") == [("product", "Tarn 2 Tent", "tarn-2 tetn")] or found(shop, "tarn-2 tetn") == []
    assert found(shop, "books") == [], "a short word that is near another is that other word's business"


def test_that_words_inside_words_are_not_found(shop: EntityExtractor) -> None:
    assert found(shop, "content potential") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail A.Berg@Example.org.", ("email", "a.berg@example.org", "A.Berg@Example.org")),
        ("call +31 30 555 0142", ("phone", "+31305550142", "+31 30 555 0142")),
        ("手机13812345678", ("phone", "13812345678", "13812345678")),
        ("under 100 euro", ("amount", "100 EUR", "100 euro")),
        ("€ 1.299,50 please", ("amount", "1299.50 EUR", "€ 1.299,50")),
        ("$20 off", ("amount", "20 USD", "$20")),
        ("预算200欧元", ("amount", "200 EUR", "200欧元")),
        ("order number 4587345", ("order_number", "4587345", "4587345")),
        ("in XXL", ("size", "XXL", "XXL")),
        ("size 42.5", ("size", "42.5", "42.5")),
        ("要42码", ("size", "42", "42")),
        ("on 3 May 2026", ("date", "2026-05-03", "3 May 2026")),
        ("by 2026-12-24", ("date", "2026-12-24", "2026-12-24")),
        ("3月5日到", ("date", "03-05", "3月5日")),
    ],
)
def test_that_every_shop_has_the_common_patterns(
    bare: EntityExtractor, text: str, expected: tuple[str, str, str]
) -> None:
    assert found(bare, text) == [expected]


def test_that_an_impossible_date_is_left_as_written(bare: EntityExtractor) -> None:
    assert found(bare, "30.02.2026") == [("date", "30.02.2026", "30.02.2026")]


@pytest.mark.parametrize("before", [0, 190, 247, 250, 255, 420, 1000])
def test_that_an_entity_is_found_once_wherever_it_stands_in_a_long_message(shop: EntityExtractor, before: int) -> None:
    text = ("please " * 200)[:before] + " LF-204518 " + "thanks " * 50
    assert found(shop, text) == [("order_number", "LF-204518", "LF-204518")]


def test_that_a_phrase_does_not_reach_over_the_end_of_a_sentence(shop: EntityExtractor) -> None:
    assert found(shop, "I own a tarn? 2 tent pegs are gone") == [("category", "tent", "tent")]


@pytest.mark.parametrize(
    "bait", ["a", "1", "1 ", "a@", "a.", "#", "+1 ", "(0", " ", "1,", "LF-", "May ", "order number ", "红", "tarn 2 "]
)
def test_that_hostile_text_is_read_to_its_end(shop: EntityExtractor, bait: str) -> None:
    """A pattern that backtracks exponentially would never come to the end of this."""
    text = (bait * 16_000)[:16_000]
    assert all(text[entity.start : entity.end] for entity in shop.extract(text))


def test_that_phrases_may_come_from_elsewhere(tmp_path: Path) -> None:
    extractor = EntityExtractor(TrainingData(), {"product": ["Ghyll 3L Rain Jacket"]})
    assert found(extractor, "ghyll 3l rain jacket") == [("product", "Ghyll 3L Rain Jacket", "ghyll 3l rain jacket")]
