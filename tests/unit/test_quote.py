"""A quote answers with the passage's own words, and never with half of what they mean."""

import pytest

from bot.generation.quote import quote
from bot.records import Hit, Kind, Passage, PassageId


def hit(text: str, kind: Kind = Kind.POLICY, score: float = 1.0, locale: str = "en") -> Hit:
    return Hit(
        Passage(PassageId("p"), kind, "Title", text, "policies/p.md#h", locale, "https://x.example"), score, 0.5, 0.5
    )


PAGE = (
    "This page is about parcels. Orders placed before 16:00 leave on the same day. However, on Sundays nothing leaves. "
    "Parcels to Belgium cost 5.95 EUR. The carrier is Merel Post.\n\n"
    "Gift cards come by e-mail. They are valid for 5 years."
)


def test_that_the_sentence_that_answers_is_quoted_with_its_source() -> None:
    utterance = quote("What does a parcel to Belgium cost?", [hit(PAGE)])
    assert utterance.text == "Parcels to Belgium cost 5.95 EUR."
    assert [citation.source for citation in utterance.citations] == ["policies/p.md#h"]


def test_that_a_sentence_which_takes_it_back_comes_along() -> None:
    assert quote("When do orders placed today leave?", [hit(PAGE)]).text == (
        "Orders placed before 16:00 leave on the same day. However, on Sundays nothing leaves."
    )


def test_that_a_sentence_which_leans_on_the_one_before_brings_it() -> None:
    assert quote("How long valid, how many years?", [hit(PAGE)]).text == (
        "Gift cards come by e-mail. They are valid for 5 years."
    )


@pytest.mark.parametrize(
    "limit",
    [
        "Except for gift cards, which cannot be returned.",
        "Unless the seal is broken, we pay.",
        "The item must be unused.",
        "This does not apply to socks.",
        "只有未使用的商品可以退货。",
    ],
)
def test_that_conditions_are_never_left_out(limit: str) -> None:
    assert limit in quote("May I return my boots?", [hit(f"You may return boots. {limit} Our shop is blue.")]).text


def test_that_a_list_is_quoted_whole_with_the_line_that_announces_it() -> None:
    page = "We are nice.\n\nThese cannot be returned:\n\n- socks\n- gift cards\n- opened food\n\nBye for now."
    assert quote("Can socks be returned?", [hit(page)]).text == (
        "These cannot be returned:\n- socks\n- gift cards\n- opened food"
    )


def test_that_a_table_row_is_never_quoted_without_its_head() -> None:
    table = "| country | price |\n|---|---|\n| Belgium | 5.95 EUR |\n| Germany | 5.95 EUR |"
    assert quote("Belgium price?", [hit(f"We ship a lot.\n\n{table}\n\nWrite to us.")]).text == table


def test_that_the_rows_of_a_flattened_table_stay_together() -> None:
    rows = "Patch on a tear: price from 15 EUR\nNew main zip: price from 35 EUR"
    text = quote("New zip?", [hit(f"Every jacket can be mended.\n{rows}\nWe tell you first.")]).text
    assert rows in text


def test_that_a_question_about_money_finds_the_price() -> None:
    page = "Larkfell jackets can be repaired here. Other repairs are paid, from 15 EUR. Come by. We are in Utrecht."
    assert "15 EUR" in quote("What does a repair of a Larkfell jacket cost?", [hit(page)]).text


def test_that_a_long_table_keeps_its_head_and_the_rows_asked_for() -> None:
    rows = "\n".join(f"| Land{number} | {number}.95 EUR |" for number in range(100))
    text = quote("price for Land42?", [hit(f"Intro here.\n\n| country | price |\n|---|---|\n{rows}")]).text
    assert text == "| country | price |\n|---|---|\n| Land42 | 42.95 EUR |\n…"


@pytest.mark.parametrize("kind", [Kind.FAQ, Kind.PRODUCT, Kind.ACTION])
def test_that_answers_and_facts_stand_as_they_are(kind: Kind) -> None:
    assert quote("Belgium?", [hit(PAGE, kind)]).text == PAGE


def test_that_a_passage_in_the_shoppers_language_goes_first_when_as_good() -> None:
    hits = [hit("English text.", Kind.FAQ, 1.0), hit("中文。", Kind.FAQ, 0.95, "zh")]
    assert quote("?", hits, "zh").text == "中文。"
    assert quote("?", [hits[0], hit("中文。", Kind.FAQ, 0.5, "zh")], "zh").text == "English text."


def test_that_chinese_pages_are_quoted_by_sentence() -> None:
    page = "本页介绍运费。比利时的运费是5.95欧元。荷兰的运费是3.95欧元。我们的店在乌特勒支。"
    assert "比利时的运费是5.95欧元。" in quote("比利时运费多少？", [hit(page, locale="zh")], "zh").text
    assert "乌特勒支" not in quote("比利时运费多少？", [hit(page, locale="zh")], "zh").text
