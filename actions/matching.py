"""What a shopper's words mean among the choices at hand, by rules alone: variants and payment methods.

Nothing is guessed: where words fit two choices, or none, the caller is told so and asks back.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from actions.shop.records import GIFT_CARD, Item, PaymentMethod, Variant

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_SAME = {
    "small": "s",
    "medium": "m",
    "large": "l",
    "grey": "gray",
    "colour": "color",
    "red": "red",
    "红色": "red",
    "蓝色": "blue",
    "黑色": "black",
    "白色": "white",
    "绿色": "green",
    "灰色": "gray",
    "黄色": "yellow",
    "棕色": "brown",
    "紫色": "purple",
    "橙色": "orange",
    "靴子": "boot",
    "鞋子": "shoe",
    "袜子": "sock",
    "裤子": "trouser",
    "帽子": "hat",
    "手套": "glove",
    "帐篷": "tent",
    "睡袋": "sleeping bag",
    "背包": "backpack",
    "水壶": "bottle",
    "头灯": "headlamp",
}
"""Spellings that mean one thing."""

_CJK = re.compile("|".join(word for word in _SAME if not word.isascii()))

_COUNTED = re.compile(r"([一两二三四五])(?=[双件个条只顶把])")
"""A Chinese number before its measure word; no space parts the two."""


_PLACES = {
    "first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "last": -1,
    "第一": 0, "第二": 1, "第三": 2, "最后一": -1,
}  # fmt: skip
_PLACE = re.compile(
    r"\W*(?:(?:i mean|it(?:'s| is)|maybe|just|only|no|yes)\W+)?(?:the (?P<english>first|1st|second|2nd|third|3rd|last)"
    r"(?: (?:one|of them|item|option))?|(?P<chinese>第[一二三]|最后一)[个件款]?)\W*(?:please\W*|thanks\W*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer that a question offers."""

    title: str
    value: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The words fit more than one choice, leave a number open, or name what there is not."""

    among: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    """What was named, in the shopper's words, and is no choice."""


def words(text: str) -> list[str]:
    """The words of a text without case, accents and plural endings, each in one spelling."""
    spaced = _COUNTED.sub(r" \1 ", _CJK.sub(lambda found: f" {_SAME[found[0]]} ", text))
    plain = unicodedata.normalize("NFKD", spaced).casefold()
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return [_SAME.get(word, _SAME.get(_singular(word), _singular(word))) for word in _WORD.findall(plain)]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def holds(text: Sequence[str], phrase: Sequence[str]) -> bool:
    """Whether the words of ``phrase`` stand in ``text`` one after the other."""
    width = len(phrase)
    return width > 0 and any(list(text[at : at + width]) == list(phrase) for at in range(len(text) - width + 1))


def titled(choices: Iterable[Choice], text: str) -> list[Choice]:
    """The choices whose title stands in the text, the longest first; each piece of text is read once."""
    found, rest = [], f" {' '.join(words(text))} "
    for choice in sorted(choices, key=lambda choice: -len(choice.title)):
        title = f" {' '.join(words(choice.title))} "
        if title.strip() and title in rest:
            found.append(choice)
            rest = rest.replace(title, "  ", 1)
    return found


def place_of(text: str, count: int) -> int | None:
    """Which of so many choices "the first one" or "the last one" is, if that is all that the words say."""
    found = _PLACE.fullmatch(text)
    if not found:
        return None
    place = _PLACES[(found["english"] or found["chinese"]).casefold()]
    return place % count if count > place and count else None


def item_title(item: Item) -> str:
    """A line of an order in words: ``Tarn 2 Tent (moss green)``."""
    return item.name + (f" ({', '.join(item.options.values())})" if item.options else "")


def variant_title(variant: Variant) -> str:
    """A variant in words: ``moss green, M``."""
    return ", ".join(variant.options.values()) or variant.id


def find_variant(old: Item, variants: Sequence[Variant], text: str) -> Variant | Ambiguous | None:
    """The variant that the words name; an option that they leave out stays as it is.

    Sold-out ones are found too, so that the shopper can be told.
    """
    exact = titled([Choice(variant_title(v), str(v.id)) for v in variants], text)
    if len(exact) == 1:
        return next(variant for variant in variants if variant.id == exact[0].value)
    if exact:
        return Ambiguous(tuple(choice.title for choice in exact))
    said = words(text)
    named = {option: _named(option, variants, said) for option in {o for v in variants for o in v.options}}
    named = {option: values for option, values in named.items() if values}
    if not named:
        found = [variant for variant in variants if str(variant.id).casefold() in text.casefold()]
        return found[0] if len(found) == 1 else None
    fitting = [v for v in variants if all(v.options.get(option) in values for option, values in named.items())]
    if len(fitting) > 1:
        same = [v for v in fitting if all(v.options.get(o) == x for o, x in old.options.items() if o not in named)]
        fitting = same or fitting
    if len(fitting) == 1:
        return fitting[0]
    return Ambiguous(tuple(variant_title(v) for v in fitting))


def named_options(variants: Sequence[Variant], text: str) -> dict[str, str]:
    """The options that the words name plainly, by their names: ``colour``: ``stone grey``."""
    said = words(text)
    named = {option: _named(option, variants, said) for option in {o for v in variants for o in v.options}}
    return {option: next(iter(values)) for option, values in named.items() if len(values) == 1}


_CHEAPEST = re.compile(r"\b(?:cheapest|least expensive|lowest[- ]priced?|lowest price)\b|最便宜", re.IGNORECASE)
_DEAREST = re.compile(r"\b(?:most expensive|dearest|highest[- ]priced?|highest price|priciest)\b|最贵", re.IGNORECASE)


def find_by_price(old: Item, variants: Sequence[Variant], text: str) -> Variant | Ambiguous | None:
    """The cheapest or dearest other variant in stock that has what else the words name; None where no price is said."""
    pick = min if _CHEAPEST.search(text) else max if _DEAREST.search(text) else None
    if pick is None:
        return None
    said = words(text)
    named = {option: _named(option, variants, said) for option in old.options}
    there = [
        variant
        for variant in variants
        if variant.available
        and variant.id != old.id
        and all(variant.options.get(option) in values for option, values in named.items() if values)
    ]
    if not there:
        return None
    price = pick(variant.price for variant in there)
    found = [variant for variant in there if variant.price == price]
    return found[0] if len(found) == 1 else Ambiguous(tuple(map(variant_title, found)))


def _named(option: str, variants: Sequence[Variant], said: Sequence[str]) -> set[str]:
    """Values of an option that the words name; of ``green`` and ``moss green`` the longer where both fit."""
    values = {variant.options[option] for variant in variants if option in variant.options}
    whole = {value for value in values if holds(said, words(value))}
    longest = {v for v in whole if not any(v != w and holds(words(w), words(v)) for w in whole)}
    if longest:
        return longest
    # "the green one" of "moss green" and "black".
    return {v for v in values if len(words(v)) > 1 and any(w in said and not w.isdecimal() for w in words(v))}


def method_title(method: PaymentMethod) -> str:
    """A payment method in words; of a card no more than its last digits."""
    if method.source == GIFT_CARD:
        return f"gift card {method.id[-4:]}"
    if method.source == "credit_card":
        return f"{(method.brand or 'card').capitalize()} ending {method.last_four}"
    return {"paypal": "PayPal", "ideal": "iDEAL"}.get(method.source, method.source.replace("_", " "))


def find_method(
    methods: Sequence[PaymentMethod], text: str, original: str | None = None
) -> PaymentMethod | Ambiguous | None:
    """The payment method that the words name among these."""
    said = words(text)
    for method in methods:
        if str(method.id).casefold() in text.casefold() or holds(said, words(method_title(method))):
            return method
    kinds: Mapping[str, tuple[str, ...]] = {
        "gift_card": ("gift card", "giftcard", "礼品卡"),
        "paypal": ("paypal", "贝宝"),
        "credit_card": ("credit card", "信用卡"),
        "ideal": ("ideal",),
    }
    plain = " ".join(said)
    found = [m for m in methods if m.last_four and m.last_four in said]
    found = found or [m for m in methods if m.brand and m.brand.casefold() in said]
    found = found or [m for m in methods if any(name in plain or name in text for name in kinds.get(m.source, ()))]
    if not found and original and re.search(r"\b(?:original|same|paid with)\b|原(?:支付|付款|路)", text, re.IGNORECASE):
        found = [m for m in methods if m.id == original]
    if not found and re.search(r"\bcard\b", plain):
        found = [m for m in methods if m.source.endswith("card")]
    if len(found) > 1:
        return Ambiguous(tuple(method_title(method) for method in found))
    return found[0] if found else None
