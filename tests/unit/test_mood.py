"""What mood detection promises: precise rather than sensitive, in English and Chinese."""

import pytest

from bot.records import Mood
from bot.understanding.mood import hear_mood


@pytest.mark.parametrize(
    "text",
    [
        "where is my order",
        "I still haven't received my parcel",
        "the zip is broken!",
        "LF-204518 XL GORE TEX?",
        "can you tell me a joke about a lawyer",
        "do I have enough points",
        "no worries, I'm not angry",
        "我的包裹还在路上吗",
        "这个帐篷怎么样",
    ],
)
def test_that_a_plain_problem_is_calm(text: str) -> None:
    assert hear_mood(text) is Mood.CALM


@pytest.mark.parametrize(
    "text",
    [
        "I'm very disappointed",
        "terrible service",
        "nobody answers my mails",
        "太慢了",
        "等了两周了",
        "WHERE IS MY ORDER NOW??!!",
    ],
)
def test_that_displeasure_is_upset(text: str) -> None:
    assert hear_mood(text) is Mood.UPSET


@pytest.mark.parametrize(
    "text",
    [
        "you are scammers",
        "worst shop ever",
        "this is unacceptable",
        "I’ll never buy here again, never order from you again",
        "骗子",
        "我要投诉你们",
        "TERRIBLE SERVICE!!!",
    ],
)
def test_that_words_of_anger_are_angry(text: str) -> None:
    assert hear_mood(text) is Mood.ANGRY


def test_that_displeasure_repeated_becomes_anger() -> None:
    earlier = ["I'm disappointed", "nobody answers, terrible service"]
    assert hear_mood("really annoying", earlier) is Mood.ANGRY
    assert hear_mood("thanks", earlier) is Mood.CALM
