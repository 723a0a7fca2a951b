"""Quantities: amounts with their unit read from tokens, so that values compare and not spellings."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from bot.grounding.numerals import SCALE, SMALL, ZH_DIGITS, ZH_SCALE, read_digits, read_words
from bot.grounding.words import Token, stem

_UNITS: dict[str, tuple[str, str, str]] = {}
"""Surface form to (claim kind, canonical unit, factor)."""


def _unit(kind: str, canonical: str, factor: str, surface: str) -> None:
    for form in surface.split():
        _UNITS[form] = (kind, canonical, factor)


_unit("price", "EUR", "1", "€ eur euro euros 欧元 欧")
_unit("price", "EUR", "0.01", "cent cents eurocent eurocents 欧分")
_unit("price", "USD", "1", "$ usd dollar dollars us$ 美元")
_unit("price", "GBP", "1", "£ gbp pound pounds 英镑")
_unit("price", "CNY", "1", "¥ cny rmb yuan 元 人民币 块")
_unit("price", "CHF", "1", "chf francs franc 瑞士法郎")
_unit("price", "JPY", "1", "yen jpy 日元")
_unit("percentage", "%", "1", "% percent per-cent pct")
_unit("percentage", "tenths", "1", "折")
_unit("duration", "day", "1", "day days 天 日")
_unit("duration", "workday", "1", "workday workdays 工作日")
_unit("duration", "day", "7", "week weeks 周 星期 礼拜")
_unit("duration", "day", "14", "fortnight fortnights")
_unit("duration", "month", "1", "month months 月")
_unit("duration", "month", "12", "year years yr yrs 年")
_unit("duration", "month", "120", "decade decades")
_unit("duration", "minute", "1", "minute minutes min mins 分钟")
_unit("duration", "minute", "60", "hour hours h hr hrs 小时 钟头")
_unit("duration", "second", "1", "second seconds sec secs 秒")
_unit("measure", "g", "1", "g gram grams gramme grammes 克")
_unit("measure", "g", "1000", "kg kilo kilos kilogram kilograms 公斤 千克")
_unit("measure", "g", "500", "斤")
_unit("measure", "mg", "1", "mg")
_unit("measure", "lb", "1", "lb lbs")
_unit("measure", "oz", "1", "oz ounce ounces")
_unit("measure", "mm", "1", "mm millimetre millimetres millimeter millimeters 毫米")
_unit("measure", "mm", "10", "cm centimetre centimetres centimeter centimeters 厘米 公分")
_unit("measure", "mm", "1000", "m metre metres meter meters 米")
_unit("measure", "mm", "1000000", "km kilometre kilometres kilometer kilometers 公里 千米")
_unit("measure", "inch", "1", "inch inches")
_unit("measure", "mile", "1", "mile miles")
_unit("measure", "ml", "1", "ml millilitre millilitres milliliter milliliters 毫升")
_unit("measure", "ml", "10", "cl")
_unit("measure", "ml", "1000", "l litre litres liter liters 升")
_unit("measure", "°C", "1", "°c celsius ℃ 摄氏度 度 °")
_unit("measure", "°F", "1", "°f fahrenheit")
_unit("measure", "lm", "1", "lm lumen lumens 流明")
_unit("measure", "W", "1", "w watt watts")
_unit("measure", "mAh", "1", "mah")
_unit("measure", "cuin", "1", "cuin")
_LONGEST = 4
"""Chinese units have up to four characters, each its own token."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount, or a range where ``low < high``, in its canonical unit ('' is a bare number)."""

    low: Decimal
    high: Decimal
    unit: str = ""
    head: str = ""
    """Of a bare number: the stem of the noun that it counts, where one follows."""

    @property
    def is_range(self) -> bool:
        """Two different ends."""
        return self.low != self.high


@dataclass(frozen=True, slots=True)
class Reading:
    """A quantity read from ``tokens[first:last]``."""

    kind: str
    quantity: Quantity
    first: int
    last: int


def read_quantity(words: Sequence[Token], at: int) -> Reading | None:
    """The quantity that starts at token ``at``, with a currency before it or a unit after it; None if there is none."""
    lead = _lead(words, at)
    first = at
    if lead is not None:
        at += 1
    number = _number(words, at)
    if number is None:
        return _counted(words, at) if lead is None else None
    low, end = number
    clock = ":" in words[at].text
    high, end = _upper(words, end, clock) or (low, end)
    if clock or (end < len(words) and words[end].low in {"am", "pm", "o'clock", "点"} and low <= 24):
        return _time(words, first, at, low, high, end)
    if lead is not None:
        kind, unit, factor = lead
    else:
        found = _unit_after(words, end)
        if found is None:
            return _bare(words, first, end, low, high)
        kind, unit, factor, end = found
    factor_value = Decimal(factor)
    low, high = sorted((low * factor_value, high * factor_value))
    return Reading(kind, Quantity(low, high, unit), first, end)


def _lead(words: Sequence[Token], at: int) -> tuple[str, str, str] | None:
    found = _UNITS.get(words[at].low)
    if found is None or found[0] != "price" or at + 1 >= len(words):
        return None
    return found if words[at + 1].text[0].isdigit() else None


def _number(words: Sequence[Token], at: int) -> tuple[Decimal, int] | None:
    """The number at ``at``, written in digits, English or Chinese, and where it ends."""
    if at >= len(words):
        return None
    text = words[at].low
    if text[0] in "0123456789":
        value = read_digits(text)
        if value is None:
            return None
        after = words[at + 1].low if at + 1 < len(words) else ""
        if after in SCALE:
            return value * SCALE[after], at + 2
        if after in {"万", "千", "百"}:
            return value * ZH_SCALE[after], at + 2
        return value, at + 1
    if text in ZH_DIGITS or text in {"十", "百"}:
        return _chinese(words, at)
    if text in {"half"} and at + 1 < len(words) and words[at + 1].low in {"a", "an"}:
        return (Decimal("0.5"), at + 2) if _unit_after(words, at + 2) else None
    return read_words(words, at)


def _chinese(words: Sequence[Token], at: int, alone: bool = False) -> tuple[Decimal, int] | None:
    total, current, end = 0, 0, at
    while end < len(words) and end - at < 10:
        char = words[end].text
        if char in ZH_DIGITS:
            current = ZH_DIGITS[char]
        elif char in ZH_SCALE:
            total, current = total + max(1, current) * ZH_SCALE[char], 0
        else:
            break
        end += 1
    # A lone numeral is often part of a word (一般, 十分): it counts only before a unit or a classifier.
    counted = _unit_after(words, end) or (end < len(words) and words[end].text in "个件次种人张条双款倍位只点顶")
    if end - at == 1 and not counted and not alone:
        return None
    return Decimal(total + current), end


def _upper(words: Sequence[Token], end: int, clock: bool) -> tuple[Decimal, int] | None:
    """The upper end of a range after its lower one, and where it ends."""
    if end + 1 >= len(words) or words[end].low not in {"–", "-", "to", "~", "至", "到", "and", "or"}:
        return None
    if words[end].low in {"and", "or"}:
        # "between 10 and 250", "2 or 3 days", but never "30 days and 14 days".
        before = end - 2
        if words[end].low == "and" and (before < 0 or words[before].low != "between"):
            return None
    at = end + 1
    if at + 1 < len(words) and words[at].low in {"€", "£", "$", "eur"}:
        at += 1
    number = _number(words, at)
    if number is None or (":" in words[at].text) != clock:
        return None
    return number


def _time(words: Sequence[Token], first: int, at: int, low: Decimal, high: Decimal, end: int) -> Reading | None:
    """A time of day, or a span of it, in minutes since midnight."""
    if ":" not in words[at].text:
        low, high = low * 60, high * 60
    suffix = words[end].low if end < len(words) else ""
    if suffix in {"am", "pm"}:
        single = low == high
        low, high = (_noon(value, suffix) for value in (low, high))
        end += 1
        if single and end + 1 < len(words) and words[end].low in {"–", "-", "to", "and", "until", "till"}:
            # "10 am to 6 pm": each end has its own half of the day.
            upper = _number(words, end + 1)
            after = words[upper[1]].low if upper and upper[1] < len(words) else ""
            if (
                upper
                and after in {"am", "pm"}
                and (words[end].low != "and" or words[max(0, first - 1)].low == "between")
            ):
                minutes = upper[0] if ":" in words[end + 1].text else upper[0] * 60
                high, end = _noon(minutes, after), upper[1] + 1
    elif suffix in {"o'clock", "点"}:
        end += 1
        if suffix == "点" and at >= 2 and words[at - 2].text + words[at - 1].text in {"下午", "晚上", "傍晚"}:
            low, high = _noon(low, "pm"), _noon(high, "pm")
        if suffix == "点" and end < len(words) and words[end].text == "半":
            low, high, end = low + 30, high + 30, end + 1
    if low > 1440 or high > 1440:
        return None
    return Reading("time", Quantity(low, high, "clock"), first, end)


def _noon(minutes: Decimal, suffix: str) -> Decimal:
    hour = minutes // 60
    if suffix == "pm" and hour < 12:
        return minutes + 720
    return minutes - 720 if suffix == "am" and hour == 12 else minutes


def _unit_after(words: Sequence[Token], at: int) -> tuple[str, str, str, int] | None:
    """The unit at ``at``: kind, canonical unit, factor, and where it ends."""
    if at >= len(words):
        return None
    if words[at].text in {"-", "个"} and at + 1 < len(words):
        at += 1
    low = words[at].low
    if low in _UNITS and (low.isascii() or low in "€£¥°℃"):
        if low == "°" and at + 1 < len(words) and words[at + 1].low in {"c", "f"}:
            return *_UNITS["°" + words[at + 1].low], at + 2
        if low in {"day", "days"} and at and words[at - 1].low in {"working", "business"}:
            return "duration", "workday", "1", at + 1
        return *_UNITS[low], at + 1
    if low in {"working", "business"} and at + 1 < len(words) and words[at + 1].low in {"day", "days"}:
        return "duration", "workday", "1", at + 2
    if low in {"calendar", "consecutive", "full"} and at + 1 < len(words) and words[at + 1].low in _UNITS:
        return *_UNITS[words[at + 1].low], at + 2
    if low == "per" and at + 1 < len(words) and words[at + 1].low == "cent":
        return *_UNITS["%"], at + 2
    if low == "degrees":
        return *_UNITS["°c"], min(at + 2, len(words)) if at + 1 < len(words) and words[at + 1].low in {
            "c",
            "celsius",
        } else at + 1
    glued = low.split("-")
    if len(glued) > 1 and glued[0] in SMALL and glued[1] in _UNITS:
        return *_UNITS[glued[1]], at + 1
    for length in range(min(_LONGEST, len(words) - at), 0, -1):
        joined = "".join(word.text for word in words[at : at + length])
        if not joined.isascii() and joined in _UNITS:
            return *_UNITS[joined], at + length
    return None


def _counted(words: Sequence[Token], at: int) -> Reading | None:
    """``a week``, ``an hour``, ``a dozen``, 百分之十."""
    low = words[at].low
    if low in {"a", "an"} and at + 1 < len(words):
        after = words[at + 1].low
        if after == "dozen":
            return Reading("number", Quantity(Decimal(12), Decimal(12), "", _head(words, at + 2)), at, at + 2)
        if after in {"week", "month", "year", "hour", "minute", "fortnight", "decade"}:
            kind, unit, factor = _UNITS[after]
            return Reading(kind, Quantity(Decimal(factor), Decimal(factor), unit), at, at + 2)
    if [word.text for word in words[at : at + 3]] == ["百", "分", "之"]:
        number = _number(words, at + 3) or (_chinese(words, at + 3, alone=True) if at + 3 < len(words) else None)
        if number and number[1] > at + 3:
            return Reading("percentage", Quantity(number[0], number[0], "%"), at, number[1])
    return None


_PRONOUN_BEFORE = frozenset(["this", "that", "each", "every", "which", "any", "another", "other", "the", "no", "only"])


def _bare(words: Sequence[Token], first: int, end: int, low: Decimal, high: Decimal) -> Reading | None:
    word = words[first].low
    if end == first:  # glued: "two-person"
        head = stem(word.split("-", 1)[1])
        unit = _unit_after(words, first)
        if unit:
            factor = Decimal(unit[2])
            return Reading(unit[0], Quantity(low * factor, high * factor, unit[1]), first, first + 1)
        return Reading("number", Quantity(low, high, "", head), first, first + 1)
    head = _head(words, end)
    if word == "one" and (not head or (first and words[first - 1].low in _PRONOUN_BEFORE)):
        return None
    return Reading("number", Quantity(low, high, "", head), first, end)


def _head(words: Sequence[Token], at: int) -> str:
    if at < len(words) and words[at].text == "-":
        at += 1
    return stem(words[at].low) if at < len(words) and words[at].is_word and words[at].text.isascii() else ""
