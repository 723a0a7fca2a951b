"""Claims: the things in a text that are true or false by themselves, found and brought to one spelling."""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from bot.grounding.dates import find_dates, find_days
from bot.grounding.found import Found
from bot.grounding.lexicon import COUNTRIES, COUNTRY_CODES, STOP, ZH_COUNTRIES
from bot.grounding.quantities import Quantity, read_quantity
from bot.grounding.words import Token, stem, tokens

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


_FREE = re.compile(
    r"(?<![\w-])(?:free|gratis|complimentary)(?![\w-])(?! (?:to|of (?!charge)|from (?:chemicals|pfas)))"
    r"|免费|免邮|包邮|不收费|免运费",
    re.I,
)
_NAME = re.compile(
    r"(?<![A-Za-zÀ-ÿ0-9_'-])[A-ZÀ-Þ][\w'-]{1,40}(?:(?: & | )(?:[A-ZÀ-Þ][\w'-]{0,40}|\d{1,5}(?![\d.,:%])))*"
)


def find_claims(text: str) -> tuple[Found, ...]:
    """All claims of a text in the spelling of ``plain``, in order; no two overlap. Linear in its length."""
    found: list[Found] = []
    masked = text
    for finder in (_exact, find_dates, find_days):
        found.extend(finder(masked))
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
        ahead = [word.low for word in words[max(0, reading.first - 3) : reading.first]]
        if bound == "before" and reading.kind != "time" and "by" in ahead:
            bound = ""  # "covered by the 2-year warranty" dates nothing.
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


_BOUNDS = tuple(
    (phrase, bound)
    for bound, phrases in (
        ("min", "at least|no less than|not less than|starting at|starts at|start at|starting from|starts from|"
                "start from|minimum of|minimum|min.|from|至少|最少|满"),
        ("over", "more than|over|above|exceeding|exceeds|longer than|超过"),
        ("max", "at most|up to|no more than|not more than|maximum of|maximum|max.|up until|as much as|最多|至多"),
        ("under", "less than|fewer than|under|below|低于|不到"),
        ("before", "before|by"),
        ("after", "after|since"),
        ("within", "within|inside"),
        ("until", "until|till"),
    )
    for phrase in phrases.split("|")
)  # fmt: skip
"""What stands before an amount and bounds it."""

_BOUNDS_AFTER = tuple(
    (phrase, bound)
    for bound, phrases in (
        ("min", "or more|and more|and up|and above|or above|or over|minimum|以上|起"),
        ("max", "or less|or fewer|maximum|以下"),
        ("within", "以内|内|之内"),
        ("before", "前|之前|以前"),
        ("after", "后|之后|以后"),
    )
    for phrase in phrases.split("|")
)
"""What stands behind it."""

_FILLERS = frozenset(
    {
        "a",
        "an",
        "the",
        "this",
        "these",
        "those",
        "our",
        "your",
        "full",
        "next",
        "first",
        "order",
        "value",
        "of",
        "orders",
        "amount",
        "total",
    }
)


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
    # The longest comes first: "no more than" ends in "more than".
    for spelled, bound in sorted(_BOUNDS, key=lambda entry: -len(entry[0])):
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
