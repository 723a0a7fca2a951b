"""Sentences leave the stream as soon as they are sure, and never in the middle of a price, a link or a list number."""

from collections.abc import AsyncGenerator

import pytest

from bot.generation.sentences import Splitter, complete, sentences, split_sentences


@pytest.mark.parametrize(
    "whole",
    [
        "Shipping costs 3.95 EUR to the Netherlands.",
        "We take cards, e.g. Visa, i.e. most of them.",
        "It stands in No. 4 of the list.",
        "Your order is LF-204518.A in our books.",
        "See https://larkfell.example/p/tarn-1.html?size=M.L&x=1 for more.",
        "Write to help@larkfell.example today.",
        "It weighs approx. 900 g, max. 1 kg.",
        "Ask Dr. Smith or Mrs. Jones about it.",
        "We open at 9 a.m. on weekdays.",
        "It fits ... well enough.",
        "1. Open the box and look inside.",
        "Version 2.0.1 is out.",
    ],
)
def test_that_what_only_looks_like_an_end_is_none(whole: str) -> None:
    assert split_sentences(f"{whole} Thank you.") == [whole, "Thank you."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No. You cannot return it.", ["No.", "You cannot return it."]),
        ("We have it in size M. It costs 5 EUR.", ["We have it in size M.", "It costs 5 EUR."]),
        ("Is it free? Yes! It is.", ["Is it free?", "Yes!", "It is."]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("It is (really.) Good.", ["It is (really.)", "Good."]),
        ("**Free.** Always.", ["**Free.**", "Always."]),
        ("It was made in 2024. The next is new.", ["It was made in 2024.", "The next is new."]),
        ("退货需要30天。运费是多少？免费！谢谢", ["退货需要30天。", "运费是多少？", "免费！", "谢谢"]),
        ("他说：“可以。”然后走了。", ["他说：“可以。”", "然后走了。"]),
        ("价格是3.95欧元。好的", ["价格是3.95欧元。", "好的"]),
        ("真的?是的!好", ["真的?", "是的!", "好"]),
        ("We ship:\n- by post\n- by van\nDone", ["We ship:\n- by post", "- by van", "Done"]),
        ("Do this:\n1. Open it.\n2. Close it.", ["Do this:\n1. Open it.", "2. Close it."]),
        ("One.\n\nTwo.", ["One.", "Two."]),
        ("  \n ", []),
    ],
)
def test_that_ends_are_found(text: str, expected: list[str]) -> None:
    assert split_sentences(text) == expected


def test_that_a_sentence_leaves_with_the_first_letter_of_the_next() -> None:
    splitter = Splitter()
    assert splitter.feed("It is free.") == [], "it could go on as a domain or a number"
    assert splitter.feed(" ") == [], "a small letter could follow"
    assert splitter.feed("W") == ["It is free."]
    assert splitter.feed("e ship。") == [], "a quotation mark could follow"
    assert splitter.feed("好") == ["We ship。"]
    assert splitter.end() == ["好"]


@pytest.mark.parametrize(
    ("sentence", "whole"), [("It is.", True), ("好的。”", True), ("**Yes!**", True), ("It is", False), ("3.95", False)]
)
def test_that_a_sentence_cut_short_is_told_from_a_whole_one(sentence: str, whole: bool) -> None:
    assert complete(sentence) is whole


async def test_that_leaving_the_sentences_closes_the_stream_they_come_from() -> None:
    closed = []

    async def pieces() -> AsyncGenerator[str, None]:
        try:
            for piece in ("One. ", "Two. ", "Three. "):
                yield piece
        finally:
            closed.append(True)

    stream = sentences(pieces())
    assert await anext(stream) == "One."
    await stream.aclose()
    assert closed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is free. Returns are free in Belgium and…", ["It is free."]),
        ("It is free.…", ["It is free."]),
        ("It is free. Yes", ["It is free.", "Yes"]),
        ("…", []),
        ("[1] It is free. It is quick [1][2]. [3]", ["It is free.", "It is quick."]),
    ],
)
async def test_that_a_sentence_cut_off_and_the_numbers_of_facts_are_not_shown(text: str, expected: list[str]) -> None:
    async def pieces() -> AsyncGenerator[str, None]:
        yield text

    assert [sentence async for sentence in sentences(pieces())] == expected
