"""Numerals: numbers in digits and in words."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from bot.grounding.words import Token

SMALL = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
SCALE = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
ZH_DIGITS = {
    "〇": 0,
    "零": 0,
    "一": 1,
    "二": 2,
    "两": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
ZH_SCALE = {"十": 10, "百": 100, "千": 1000, "万": 10000}


def read_digits(text: str) -> Decimal | None:
    """``3,95`` and ``3.95`` are the same; ``1,000`` and ``1,000.50`` have a thousands comma; ``9:30`` is minutes."""
    if ":" in text:
        hours, minutes = text.split(":")
        return Decimal(int(hours) * 60 + int(minutes))
    if len(text) > 24:
        return None
    if "," in text:
        head, _, tail = text.rpartition(",")
        if len(tail) == 3 or "." in tail or "," in head:
            text = text.replace(",", "")
        else:
            text = head.replace(".", "") + "." + tail
    if text.count(".") > 1:
        text = text.replace(".", "")
    try:
        return Decimal(text).normalize()
    except InvalidOperation:
        return None


def read_words(words: Sequence[Token], at: int) -> tuple[Decimal, int] | None:
    """The number written in English words at ``at``, and where it ends; where it begins, for "two-person"."""
    total, current, end = 0, 0, at
    while end < len(words) and end - at < 12:
        parts = words[end].low.split("-")
        if all(part in SMALL or part in SCALE for part in parts):
            for part in parts:
                if part in SMALL:
                    current += SMALL[part]
                elif part == "hundred":
                    current = max(1, current) * 100
                else:
                    total, current = total + max(1, current) * SCALE[part], 0
        elif words[end].low == "and" and current >= 100 and end + 1 < len(words) and words[end + 1].low in SMALL:
            pass
        elif end == at and len(parts) > 1 and parts[0] in SMALL:
            # "two-person", "five-year": the number is glued to what it counts.
            return Decimal(SMALL[parts[0]]), end
        else:
            break
        end += 1
    if end > at and end < len(words) and words[end].low == "dozen":
        return Decimal(12 * max(1, total + current)), end + 1
    return (Decimal(total + current), end) if end > at else None
