"""What the shoppers of a load write: a few questions over and over, or questions that nobody asked before."""

import itertools
import random
from collections.abc import Iterator

from benchmarks.turns import FAST

_OPENINGS = (
    "",
    "Hi, ",
    "Hello there, ",
    "Quick one: ",
    "Good evening. ",
    "Sorry to bother you. ",
    "I wonder: ",
    "Hey! ",
)
_COUNTRIES = tuple(
    """Belgium,Germany,Austria,Switzerland,Denmark,Sweden,Norway,Finland,Poland,Spain,Portugal,Italy,Ireland,France,
    Hungary,Greece,Croatia,Slovenia,Estonia,Latvia,Lithuania,Iceland,Canada,Japan""".replace("\n    ", "").split(",")
)
_THINGS = (
    *("tent", "sleeping bag", "down jacket", "rain jacket", "pair of boots", "backpack", "stove", "head torch"),
    *("water bottle", "hiking pole", "camping mat", "fleece", "pair of gloves", "hat", "rope", "lantern"),
)
_QUESTIONS = (
    "how much is shipping of a {thing} to {country}?",
    "how long does a {thing} take to {country}?",
    "can I send a {thing} back from {country}?",
    "who pays customs for a {thing} to {country}?",
    "is the warranty of a {thing} good in {country} too?",
    "can I pay a {thing} with PayPal from {country}?",
    "how long do I have to return a {thing} bought in {country}?",
    "do you repair a {thing} that broke in {country}?",
)
_ENDINGS = ("", " Thanks!", " It is for {n} people.", " I would need {n} of them.")


def repeated() -> Iterator[str]:
    """Eight greetings and questions, over and over."""
    return itertools.cycle(FAST)


def unseen(seed: int = 0) -> Iterator[str]:
    """Questions in an order that ``seed`` decides, none of them twice."""
    choose, asked = random.Random(seed), set[str]()
    while True:
        words = {"thing": choose.choice(_THINGS), "country": choose.choice(_COUNTRIES), "n": choose.randint(2, 99)}
        text = f"{choose.choice(_OPENINGS)}{choose.choice(_QUESTIONS)}{choose.choice(_ENDINGS)}".format(**words)
        if text not in asked:
            asked.add(text)
            yield text
