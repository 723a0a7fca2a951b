"""Claims: the things in a text that are true or false by themselves, found and brought to one spelling."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bot.grounding.lexicon import COUNTRIES, COUNTRY_CODES, STOP, ZH_COUNTRIES
from bot.grounding.quantities import Quantity, read_quantity
from bot.grounding.words import Token, stem, tokens

Value = Quantity | str | frozenset[int]


@dataclass(frozen=True, slots=True)
class Found:
    """A claim at ``text[start:end]``. Equal values are equal claims, whatever their spelling."""

    kind: str
    """``number``, ``price``, ``percentage``, ``date``, ``time``, ``duration``, ``measure``, ``code``, ``link``,
    ``email``, ``phone``, ``country`` or ``name``."""
    text: str
    value: Value
    start: int
    end: int
    bound: str = ""
    """How a quantity is bounded: ``min`` (from), ``over``, ``max`` (up to), ``under``, ``before``, ``after`` or ''."""


QUANTITIES = frozenset({"number", "price", "percentage", "time", "duration", "measure"})


FREE = Quantity(Decimal(0), Decimal(0), "free")
"""What "free" says: a price of nothing. It is as hard a claim as a number."""

_EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}", re.A)
_LINK = re.compile(
    r"(?:https?://|www\.)[^\s<>\"')\]]{1,500}"
    r"|\b[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,4}\.(?:com|net|org|nl|de|be|eu|uk|cn|io|shop|store|app|info|biz|example)"
    r"(?:/[^\s<>\"')\]]{0,300})?(?![\w@])",
    re.I | re.A,
)
_PHONE = re.compile(r"(?:\+|\b00|\b0)\d(?:[ ()/.-]{0,2}\d){6,14}(?![\d:])|\b1?[ -]?8\d\d[- ]\d{3}[- ]\d{4}\b")
_CODE = re.compile(
    r"(?<![\w-])(?=[A-Za-z0-9-]{0,40}\d)[A-Za-z][A-Za-z0-9]{0,30}(?:-[A-Za-z0-9]{1,30}){0,6}(?![\w-])", re.A
)
_SHOUT = re.compile(r"(?<![\w-])[A-Z][A-Z0-9]{3,30}(?![\w-])", re.A)
_ALNUM = re.compile(r"(?<![\w.-])\d{1,12}[A-Za-z][A-Za-z0-9]{0,20}(?![\w-])", re.A)
_REST = re.compile(r"[^\s\x00]{0,40}?\d+(?:[.,:/]\d+){0,8}")
"""Digits that nothing else could read ("28:00"): still a claim, to be found in the source as it is spelled."""


_MONTHS = {
    name: number
    for number, names in enumerate(
        [
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sep sept",
            "october oct",
            "november nov",
            "december dec",
        ],
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATES = (
    (re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b"), "ymd"),
    (re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})[日号]"), "ymd"),
    (re.compile(r"(\d{1,2})月(\d{1,2})[日号]"), "md"),
    (re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_MONTH})\b\.?(?:,? (\d{{4}}))?", re.I), "dMy"),
    (re.compile(rf"\b({_MONTH})\b\.? (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (\d{{4}}))?", re.I), "Mdy"),
    (re.compile(rf"\b({_MONTH}) (\d{{4}})\b", re.I), "My"),
    (re.compile(r"\b(\d{1,2})[./](\d{1,2})[./](\d{4})\b"), "dmy"),
    (
        re.compile(
            r"\b(January|February|March|April|(?<=in )May|June|July|August|September|October|November|December)\b"
        ),
        "M",
    ),
)
_DAYS = {
    name: number
    for number, names in enumerate(
        [
            "monday mon mondays",
            "tuesday tue tues tuesdays",
            "wednesday wed wednesdays",
            "thursday thu thurs thursdays",
            "friday fri fridays",
            "saturday sat saturdays",
            "sunday sun sundays",
        ]
    )
    for name in names.split()
}
_ZH_DAYS = {char: number for number, char in enumerate("一二三四五六日")} | {"天": 6}
_FULL = "(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_ABBREVIATED = r"(?:Mon|Tue|Tues|Wed|Thu|Thurs|Fri|Sat|Sun)"
_DAY = rf"(?:{_FULL}|{_FULL.title()}|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?|{_ABBREVIATED}\b)"
_DAY_RANGE = re.compile(rf"\b({_DAY})\.? ?(?:–|-|to|through|until|till) ?({_DAY})(?![a-z])")
_ONE_DAY = re.compile(
    r"\b((?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?|(?:mon|tues|wednes|thurs|fri|satur|sun)days?)\b"
    rf"|\b({_ABBREVIATED})\b(?=\.?,? ?(?:\d|–|-|and\b|$|[,;.)]))"
)
_ZH_RANGE = re.compile(r"(?:周|星期|礼拜)([一二三四五六日天])(?:至|到|–|-|~)(?:周|星期|礼拜)?([一二三四五六日天])")
_ZH_DAY = re.compile(r"(?:周|星期|礼拜)([一二三四五六日天])")
_WEEK_WORDS = {"weekend": frozenset({5, 6}), "weekends": frozenset({5, 6}), "weekday": frozenset(range(5)),
               "weekdays": frozenset(range(5)), "周末": frozenset({5, 6})}  # fmt: skip
_WEEK = re.compile(r"\b(weekends?|weekdays?)\b|周末", re.I)
_RELATIVE = re.compile(
    r"\b(today|tomorrow|yesterday|tonight|overnight|midnight|noon|same[ -]day|next[ -](?:working )?day|"
    r"next (?:week|month|year)|this (?:week|month|year|weekend)|last (?:week|month|year)|christmas|easter|new year)\b"
    r"|今天|明天|后天|昨天|当天|次日|第二天|当日|下周|下个月|今晚",
    re.I,
)
_ZH_RELATIVE = {"今天": "today", "明天": "tomorrow", "昨天": "yesterday", "当天": "same day", "当日": "same day",
                "次日": "next day", "第二天": "next day", "下周": "next week", "下个月": "next month",
                "今晚": "tonight"}  # fmt: skip
_FREE = re.compile(
    r"(?<![\w-])(?:free|gratis|complimentary)(?![\w-])(?! (?:to|of (?!charge)|from (?:chemicals|pfas)))|免费|免邮|包邮|不收费|免运费",
    re.I,
)
_NAME = re.compile(
    r"(?<![A-Za-zÀ-ÿ0-9_'-])[A-ZÀ-Þ][\w'-]{1,40}(?:(?: & | )(?:[A-ZÀ-Þ][\w'-]{0,40}|\d{1,5}(?![\d.,:%])))*"
)


def find_claims(text: str) -> tuple[Found, ...]:
    """All claims of a text in the spelling of ``plain``, in order; no two overlap. Linear in its length."""
    found: list[Found] = []
    masked = text
    for finder in (_exact, _dates, _days):
        for claim in finder(masked):
            found.append(claim)
        masked = _mask(text, found)
    found.extend(_quantities(masked))
    masked = _mask(text, found)
    found.extend(_codes(masked))
    masked = _mask(text, found)
    found.extend(_countries(masked))
    masked = _mask(text, found)
    found.extend(_names(masked, text))
    return tuple(sorted(found, key=lambda claim: claim.start))


def _mask(text: str, found: Iterable[Found]) -> str:
    chars = list(text)
    for claim in found:
        chars[claim.start : claim.end] = "\x00" * (claim.end - claim.start)
    return "".join(chars)


def _exact(text: str) -> Iterator[Found]:
    taken: list[tuple[int, int]] = []
    for kind, pattern in (("email", _EMAIL), ("link", _LINK), ("phone", _PHONE)):
        for match in pattern.finditer(text):
            start, end = match.start(), match.end()
            spelled = match.group().rstrip(".,;:!?")
            end -= len(match.group()) - len(spelled)
            if any(start < b and a < end for a, b in taken):
                continue
            taken.append((start, end))
            yield Found(kind, spelled, _exact_value(kind, spelled), start, end)


def _exact_value(kind: str, text: str) -> str:
    if kind == "phone":
        digits = re.sub(r"\D", "", text.replace("(0)", ""))
        return digits.removeprefix("00") if not text.startswith("+") else digits
    if kind == "link":
        return re.sub(r"^(?:https?://)?(?:www\.)?", "", text.lower()).rstrip("/")
    return text.lower()


def _dates(text: str) -> Iterator[Found]:
    taken: list[tuple[int, int]] = []
    for pattern, order in _DATES:
        for match in pattern.finditer(text):
            if any(match.start() < b and a < match.end() for a, b in taken):
                continue
            parts = dict(zip(order, match.groups(), strict=True))
            month = parts.get("m") or str(_MONTHS.get((parts.get("M") or "").lower(), ""))
            value = f"{parts.get('y') or '?'}-{int(month):02d}-{int(parts['d']) if parts.get('d') else 0:02d}"
            taken.append((match.start(), match.end()))
            yield Found("date", match.group(), value, match.start(), match.end())


def _days(text: str) -> Iterator[Found]:
    taken: list[tuple[int, int]] = []

    def take(match: re.Match[str], value: Value) -> Iterator[Found]:
        if not any(match.start() < b and a < match.end() for a, b in taken):
            taken.append((match.start(), match.end()))
            yield Found("date", match.group(), value, match.start(), match.end())

    for match in _DAY_RANGE.finditer(text):
        yield from take(match, _span(_DAYS[match.group(1).lower()], _DAYS[match.group(2).lower()]))
    for match in _ZH_RANGE.finditer(text):
        yield from take(match, _span(_ZH_DAYS[match.group(1)], _ZH_DAYS[match.group(2)]))
    for match in _ONE_DAY.finditer(text):
        yield from take(match, frozenset({_DAYS[(match.group(1) or match.group(2)).lower()]}))
    for match in _ZH_DAY.finditer(text):
        yield from take(match, frozenset({_ZH_DAYS[match.group(1)]}))
    for match in _WEEK.finditer(text):
        yield from take(match, _WEEK_WORDS[match.group().lower()])
    for match in _RELATIVE.finditer(text):
        spelled = match.group().lower().replace("-", " ")
        yield from take(match, _ZH_RELATIVE.get(spelled, spelled))


def _span(first: int, last: int) -> frozenset[int]:
    """Days from ``first`` to ``last``, over the weekend where it must."""
    return frozenset((first + step) % 7 for step in range((last - first) % 7 + 1))


def _quantities(text: str) -> Iterator[Found]:
    for match in _FREE.finditer(text):
        yield Found("price", match.group(), FREE, match.start(), match.end())
    # "2.1kg" and "4pm" are two tokens like "2.1 kg"; a blank there would move every place behind it.
    words = tokens(text)
    at = 0
    while at < len(words):
        reading = read_quantity(words, at) if _starts_alone(text, words, at) else None
        if reading is None or _runs_on(text, words, reading.last):
            at += 1
            continue
        start, end = words[reading.first].start, words[reading.last - 1].end
        bound = _bound(words, reading.first, reading.last)
        if reading.quantity.is_range and bound == "min":
            bound = ""  # "from 10 to 250": the range has said it already.
        yield Found(reading.kind, text[start:end], reading.quantity, start, end, bound)
        at = reading.last


def _starts_alone(text: str, words: Sequence[Token], at: int) -> bool:
    """Not the tail of a code: ``LF-204518``, ``A4``, ``x2y``."""
    start = words[at].start
    if start == 0 or not words[at].text[0].isdigit():
        return True
    before = text[start - 1]
    if before in "-_" and start >= 2:
        return not (text[start - 2].isalnum() and text[start - 2].isascii())
    return not (before.isalpha() and before.isascii())


def _runs_on(text: str, words: Sequence[Token], last: int) -> bool:
    """A number that letters follow without a blank is a code (``3XL9``), unless they were its unit."""
    end = words[last - 1].end
    return text[end - 1].isdigit() and end < len(text) and text[end].isalpha() and text[end].isascii()


_BOUNDS = (
    ("at least", "min"), ("no less than", "min"), ("not less than", "min"), ("starting at", "min"), ("starts at", "min"),
    ("starting from", "min"), ("starts from", "min"), ("start at", "min"), ("start from", "min"), ("minimum of", "min"), ("minimum", "min"), ("min.", "min"),
    ("from", "min"), ("more than", "over"), ("over", "over"), ("above", "over"), ("exceeding", "over"),
    ("exceeds", "over"), ("longer than", "over"), ("at most", "max"), ("up to", "max"), ("no more than", "max"), ("not more than", "max"),
    ("maximum of", "max"), ("maximum", "max"), ("max.", "max"), ("up until", "max"), ("as much as", "max"),
    ("less than", "under"), ("fewer than", "under"), ("under", "under"), ("below", "under"), ("before", "before"),
    ("by", "before"), ("after", "after"), ("since", "after"), ("within", "within"), ("inside", "within"),
    ("until", "until"), ("till", "until"), ("between", ""), ("至少", "min"), ("最少", "min"), ("最多", "max"),
    ("至多", "max"), ("超过", "over"), ("低于", "under"), ("不到", "under"), ("满", "min"),
)  # fmt: skip
_BOUNDS_AFTER = (
    ("or more", "min"), ("and more", "min"), ("and up", "min"), ("and above", "min"), ("or above", "min"),
    ("or over", "min"), ("minimum", "min"), ("or less", "max"), ("or fewer", "max"), ("maximum", "max"),
    ("以上", "min"), ("起", "min"), ("以下", "max"), ("以内", "within"), ("内", "within"), ("之内", "within"),
    ("前", "before"), ("之前", "before"), ("以前", "before"), ("后", "after"), ("之后", "after"),
)  # fmt: skip
_FILLERS = frozenset({"a", "an", "the", "order", "value", "of", "orders", "amount", "total"})


def _bound(words: Sequence[Token], first: int, last: int) -> str:
    after = " ".join(word.low for word in words[last : last + 2])
    joined = "".join(word.text for word in words[last : last + 2])
    for spelled, bound in _BOUNDS_AFTER:
        if spelled.isascii() and (after == spelled or after.startswith(spelled + " ")):
            return bound
        if not spelled.isascii() and joined.startswith(spelled):
            return bound
    stop = first
    while stop and first - stop < 3 and words[stop - 1].low in _FILLERS:
        stop -= 1
    before = " ".join(word.low for word in words[max(0, stop - 3) : stop])
    tight = before.replace(" ", "")
    for spelled, bound in _BOUNDS:
        if before == spelled or before.endswith(" " + spelled):
            return bound
        if not spelled.isascii() and tight.endswith(spelled):
            return bound
    return ""


def _codes(text: str) -> Iterator[Found]:
    taken: list[tuple[int, int]] = []
    for pattern in (_CODE, _SHOUT, _ALNUM, _REST):
        for match in pattern.finditer(text):
            spelled = match.group()
            if spelled in COUNTRY_CODES or any(match.start() < b and a < match.end() for a, b in taken):
                continue
            taken.append((match.start(), match.end()))
            yield Found("code", spelled, spelled.lower(), match.start(), match.end())


_WORD = re.compile(r"[^\W\d_\u3400-\u9fff]+(?:'s)?")
_ZH_COUNTRY = re.compile("|".join(sorted(ZH_COUNTRIES, key=len, reverse=True)))


def _countries(text: str) -> Iterator[Found]:
    for match in _WORD.finditer(text):
        spelled = match.group().removesuffix("'s")
        value = COUNTRY_CODES.get(spelled) or (COUNTRIES.get(spelled.lower()) if _is_country(spelled) else None)
        if value:
            yield Found("country", spelled, value, match.start(), match.start() + len(spelled))
    for match in _ZH_COUNTRY.finditer(text):
        yield Found("country", match.group(), ZH_COUNTRIES[match.group()], match.start(), match.end())


def _is_country(spelled: str) -> bool:
    """``uk`` is the country, ``be``, ``it`` and ``no`` are not; the rest is a country however it is spelled."""
    return len(spelled) > 2 or spelled.lower() in {"uk", "eu"}


_ORDINARY = frozenset(
    """
    yes no please thanks thank hello hi sorry sure ok okay dear welcome monday tuesday wednesday thursday friday
    saturday sunday january february march april may june july august september october november december i i'm
    i've i'll i'd english vat cet faq size
    """.split()  # noqa: SIM905 - a list of words is read more easily as words
)


def _names(masked: str, text: str) -> Iterator[Found]:
    for match in _NAME.finditer(masked):
        start, spelled = match.start(), match.group()
        if _opens_sentence(text, start):
            # Whatever opens a sentence is a capital; only what follows it can be seen to be a name.
            first = spelled.split(" ", 1)[0]
            if first.lower() in STOP or first.lower() in _ORDINARY or len(spelled) == len(first):
                start, spelled = start + len(first) + 1, spelled[len(first) + 1 :]
        spelled = spelled.removesuffix("'s")
        if spelled and spelled.lower() not in _ORDINARY and spelled.lower() not in STOP and not spelled.isdigit():
            yield Found("name", spelled, " ".join(stem(word) for word in spelled.split()), start, start + len(spelled))


def _opens_sentence(text: str, start: int) -> bool:
    before = text[:start].rstrip(" \"'(*-•")
    return not before or before[-1] in ".!?:;\n。！？："
