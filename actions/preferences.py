"""What a shopper's words ask of a product to be recommended: for how many persons, up to which price, in what."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from actions.matching import holds, words
from actions.shop.records import Product, Variant

CAPACITY = "capacity"
"""The attribute that says how many persons a product is for: ``2 persons``."""

_ENGLISH = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {word: number for number, word in enumerate(_ENGLISH, 1)}
_NUMBERS |= {word: number for number, same in enumerate(("一单", "两二双", *"三四五六七八九十"), 1) for word in same}
_NUMBER = rf"(\d{{1,2}}|{'|'.join(_NUMBERS)})"
_PERSONS = re.compile(
    rf"{_NUMBER}[\s-]?(?:persons?|people|man|adults|of\sus)\b"
    rf"|\bfor\s(?:the\s)?{_NUMBER}\b(?!\s*(?:€|euros?|eur|day|night|week|month|season|year|hour|g|kg|km|l)s?\b)"
    rf"|{_NUMBER}\s*个?人",
)
_AMOUNT = r"((?:\d{1,3}(?:[.,]\d{3})+|\d{1,6})(?:[.,]\d{1,2})?)"
_OTHERWISE = (
    r"[\s-]*(?:g|kg|km|l|m|cm|litres?|grams?|persons?|people|man|adults?|kids|children|of\sus"
    r"|minutes?|hours?|days?|nights?|weeks?|months?|seasons?|years?|items?|pieces?)\b"
    r"|\s*(?:%|[个人天晚夜周月年件克升米]|小时|星期|公斤|公里)"
)
"""What is counted or measured in anything but money."""

_BUDGET = re.compile(
    r"(?:under|below|less\sthan|cheaper\sthan|up\sto|at\smost|max(?:imum)?\.?|no\smore\sthan|within|不超过|低于|最多)"
    rf"\s*(?:of\s)?(?:€|\$|eur\s)?\s*{_AMOUNT}(?![\d.,]*\d|{_OTHERWISE})"
    rf"|(?<![\d.,]){_AMOUNT}\s*(?:欧元?|€|块)?\s*(?:以下|以内|之内)",
)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What was asked for beside the kind of product."""

    persons: int | None = None
    budget: int | None = None
    """Cents."""
    options: tuple[str, ...] = ()
    """Colours and sizes."""

    def fit(self, product: Product) -> bool:
        """Whether the product is for so many persons, and has a variant in stock that is allowed."""
        return not self.lacks(product) and any(v.available and self.allow(v) for v in product.variants)

    def lacks(self, product: Product) -> int:
        """For how many persons more, or fewer, the product is than was asked for."""
        capacity = re.match(r"\d+", product.attributes.get(CAPACITY, ""))
        return abs(self.persons - (int(capacity[0]) if capacity else 0)) if self.persons is not None else 0

    def allow(self, variant: Variant) -> bool:
        """Whether the variant is cheap enough, and of the colour and size."""
        values = [words(value) for value in variant.options.values()]
        has_all = all(any(holds(value, words(option)) for value in values) for option in self.options)
        return has_all and (self.budget is None or variant.price <= self.budget)


def read_preferences(text: str, options: Sequence[str] = ()) -> Preferences:
    """The preferences in a text; ``options`` are the colours and sizes that were heard in it."""
    # Not by IGNORECASE, to which letters are the same that have no lower case in common: "ı" is no "i".
    said = text.casefold()
    persons = _PERSONS.search(said)
    budget = _BUDGET.search(said)
    return Preferences(
        _number(next(filter(None, persons.groups()))) if persons else None,
        _cents(next(filter(None, budget.groups()))) if budget else None,
        tuple(options),
    )


def _number(word: str) -> int:
    return int(word) if word.isdecimal() else _NUMBERS[word]


def _cents(amount: str) -> int:
    """An amount as it is written in English or in German: a sign before three digits parts thousands, not cents."""
    whole, _, cents = re.sub(r"[.,](?=\d{3})", "", amount).replace(",", ".").partition(".")
    return int(whole) * 100 + int(cents.ljust(2, "0"))
