"""Amounts as shops and shoppers write them: numbers in words, units, and one unit to compare them in."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

UNITS: Mapping[str, tuple[str, float]] = {
    **dict.fromkeys(("€", "eur", "euro", "euros", "欧元", "欧", "块钱", "元"), ("money", 1.0)),
    **dict.fromkeys(("g", "gr", "gram", "grams", "gramme", "grammes", "克"), ("g", 1.0)),
    **dict.fromkeys(("kg", "kgs", "kilo", "kilos", "kilogram", "kilograms", "公斤", "千克"), ("g", 1000.0)),
    **dict.fromkeys(("l", "litre", "litres", "liter", "liters", "升"), ("l", 1.0)),
    **dict.fromkeys(("ml", "millilitre", "millilitres", "毫升"), ("l", 0.001)),
    **dict.fromkeys(("person", "persons", "people", "man", "men", "adults", "p", "人"), ("person", 1.0)),
    **dict.fromkeys(("°c", "°", "℃", "degrees", "degree", "celsius", "度", "摄氏度"), ("°C", 1.0)),
    **dict.fromkeys(("mm", "millimetre", "millimetres", "毫米"), ("mm", 1.0)),
    **dict.fromkeys(("cm", "centimetre", "centimetres", "厘米", "公分"), ("cm", 1.0)),
    **dict.fromkeys(("lm", "lumen", "lumens", "流明"), ("lm", 1.0)),
    **dict.fromkeys(("h", "hour", "hours", "小时"), ("h", 1.0)),
    **dict.fromkeys(("min", "minute", "minutes", "分钟"), ("min", 1.0)),
}
"""What a unit is written as, what it measures in, and how many of that it is."""

UNIT = "|".join(sorted((re.escape(unit) for unit in UNITS), key=len, reverse=True))
NUMBER = r"[-−–]?\d{1,12}(?:\.\d{1,6})?"

_AMOUNT = re.compile(rf"(?P<number>{NUMBER})\s*(?P<unit>{UNIT})?(?![a-z])")

_NUMERALS = {
    word: str(value)
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
        ]
    )
} | {"twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "hundred": "100"}
_NUMERAL = re.compile(rf"\b({'|'.join(_NUMERALS)})\b(?!['’-]?s\b)")
_CHINESE = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_CHINESE_NUMERAL = re.compile(
    r"(?P<tens>[一二两三四五六七八九]?)(?P<ten>十)(?P<ones>[一二三四五六七八九]?)|(?P<one>[一二两三四五六七八九])"
)
_COUNTED = re.compile(rf"(?P<numeral>[一二两三四五六七八九十]+)\s*(?=(?:{UNIT}|季))")


@dataclass(frozen=True, slots=True)
class Amount:
    """A number in the unit that its kind is compared in: grams, litres, persons, °C, mm."""

    value: float
    unit: str
    """``""`` where none was written."""


def plain_numbers(text: str) -> str:
    """Lower-case text with its numbers in digits: ``minus ten`` and ``零下十度`` become ``-10``, ``2,150`` ``2150``.

    Decimal commas become points.
    """
    text = unicodedata.normalize("NFKC", text).lower().replace("−", "-")
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    text = re.sub(r"(?<=\d),(?=\d)", ".", text)
    text = _NUMERAL.sub(lambda match: _NUMERALS[match[1]], text)
    text = _COUNTED.sub(lambda match: _count(match["numeral"]), text)
    text = re.sub(r"(?:\bminus\s+|零下\s*|负\s*)(?=[\d一二三四五六七八九十])", "-", text)
    return re.sub(r"-([一二三四五六七八九十]+)", lambda match: f"-{_count(match[1])}", text)


def amount(text: str) -> Amount | None:
    """The amount that a value begins with: ``2 persons``, ``3000 mm``, ``-5 °C``, ``0.75 l``, ``4.2``."""
    found = _AMOUNT.match(plain_numbers(text).strip())
    return measured(found["number"], found["unit"]) if found else None


def measured(number: str, unit: str | None) -> Amount:
    """A written number and unit in the unit of its kind."""
    kind, factor = UNITS[unit] if unit else ("", 1.0)
    return Amount(float(number.replace("−", "-").replace("–", "-")) * factor, kind)


def _count(numeral: str) -> str:
    found = _CHINESE_NUMERAL.fullmatch(numeral)
    if not found:
        return numeral
    if found["one"]:
        return str(_CHINESE[found["one"]])
    return str(10 * _CHINESE.get(found["tens"], 1) + _CHINESE.get(found["ones"], 0))
