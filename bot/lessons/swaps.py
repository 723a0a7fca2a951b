"""Makes true sentences false with what else their own passage says: another number, name or predicate of it. Pure."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from bot.grounding.lexicon import COUNTRIES
from bot.lessons.falsify import NAME, NUMBER, SUBJECT, Falsehood, replaced

_VALUE = re.compile(
    r"(?P<sign>[€£$]\s?)?(?<![\w.,:/–-])(?P<number>\d{1,2}:\d{2}|\d+(?:[.,]\d+)*)(?![–-]\d)"
    r"(?P<unit>\s?(?:%|°C|[a-zA-Z]+(?:[- ](?:days?|hours?))?))?"
)
_CURRENCY = frozenset({"eur", "gbp", "usd", "chf", "€", "£", "$"})
_CLASSES = (
    ("days", ("day", "days", "working days", "working day", "business days", "weeks", "week")),
    ("months", ("month", "months", "years", "year")),
    ("hours", ("hour", "hours", "minutes", "minute", "seconds")),
    ("grams", ("g", "kg", "grams")),
    ("metres", ("mm", "cm", "m", "km", "metres", "inches", "inch")),
    ("litres", ("l", "ml", "litres", "litre")),
)
"""Units that a reader could mix up. Any other unit is mixed up with itself only."""


def swap(sentence: str, sentences: Sequence[str]) -> tuple[Falsehood, ...]:
    """All falsehoods that a true ``sentence`` becomes by what the ``sentences`` of its passage say elsewhere.

    A swap that some part of the passage could hold to be true is left out. Deterministic, without doubles.
    """
    ways = (_numbers, _counted, _names, _subjects)
    found = {made.text: made for way in ways for made in way(sentence, sentences)}
    found |= {made.text: made for made in _objects(sentence)}
    return tuple(made for text, made in found.items() if text != sentence)


def _numbers(sentence: str, sentences: Sequence[str]) -> Iterator[Falsehood]:
    """A number changed for another one of the same unit."""
    own = [*_VALUE.finditer(sentence)]
    said = {found["number"] for found in own}
    others = [found for other in sentences for found in _VALUE.finditer(other)]
    for found in own:
        kind = _class(found)
        for number in dict.fromkeys(other["number"] for other in others if _class(other) == kind):
            if number in said or "1" in (number, found["number"]):
                continue  # "1 hours" would give itself away.
            if not _holds(sentence, found["number"], number, sentences):
                yield replaced(NUMBER, sentence, *found.span("number"), number)
    for one, other in pairwise(own):
        if (one["unit"], one["sign"]) == (other["unit"], other["sign"]) and one["number"] != other["number"]:
            between = sentence[one.end("number") : other.start("number")]
            # "1 to 3 days" turned round would be nonsense, and no falsehood.
            if len(between.split()) > 3:
                turned = f"{other['number']}{between}{one['number']}"
                yield replaced(NUMBER, sentence, one.start("number"), other.end("number"), turned)


_COUNTED = (
    ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    ("second", "third", "fourth", "fifth"),
    ("daily", "weekly", "monthly", "yearly"),
)


def _counted(sentence: str, sentences: Sequence[str]) -> Iterator[Falsehood]:
    """A number in letters changed: for another one of the passage, or for the next."""
    told = {word.lower() for other in sentences for word in re.findall(r"[a-z]+", other, re.I)}
    for words in _COUNTED:
        for found in re.finditer(rf"\b(?:{'|'.join(words)})\b", sentence, re.I):
            rest = [word for word in words if word != found[0].lower()]
            other = next((word for word in rest if word in told), rest[words.index(found[0].lower()) % len(rest)])
            if other not in sentence.lower().split():
                yield replaced(NUMBER, sentence, *found.span(), other)


_OBJECT = re.compile(
    r"(?<=[a-z] )(?:the|your|our|an?) [a-z-]{3,}(?= (?:and|for|in|on|with|by|to|at|from|back|within|is|are)\b|[,.;]|$)"
)


def _objects(sentence: str) -> Iterator[Falsehood]:
    """Two things of one sentence in each other's place."""
    for one, other in pairwise(_OBJECT.finditer(sentence)):
        between = sentence[one.end() : other.start()]
        if len(between.split()) > 3 and one[0].split()[1] != other[0].split()[1]:
            yield replaced(NAME, sentence, one.start(), other.end(), f"{other[0]}{between}{one[0]}")


def _class(found: re.Match[str]) -> str:
    unit = (found["unit"] or "").strip().lower()
    if found["sign"] or unit in _CURRENCY:
        return "money"
    if ":" in found["number"]:
        return "clock"
    return next((name for name, units in _CLASSES if unit in units), unit)


_CALENDAR = (
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "January February March April May June July August September October November December",
)
_COLOURS = "black white red blue green yellow grey brown pink orange purple beige navy olive cream silver gold"
_MATERIALS = (
    "cotton wool linen leather steel plastic wood glass silk polyester aluminium ceramic bamboo oak pine rubber"
)
_PAYMENTS = "PayPal invoice Klarna cash cheque"
_CAPITALISED = re.compile(r"(?<![.!?:] )(?<!\d )(?<!^)(?<!\n)\b[A-Z][\w'-]*(?: (?:[A-Z][\w'-]*|\d+))*")
_LABEL = re.compile(r"^[A-Z][a-zA-Z '-]{1,30}(?=: )", re.M)
_NO_NAME = frozenset(
    ["EUR", "GBP", "USD", "CHF", "I", "Yes", "No", "We", "You", "If", "The", "EU", "PDF", "VAT", "LED", "A"]
)


def _names(sentence: str, sentences: Sequence[str]) -> Iterator[Falsehood]:
    """A name, country, day, colour or material changed for another one of the passage."""
    kinds = _named("\n".join(sentences))
    for names in kinds:
        here = [name for name in names if _places(name, sentence)]
        for name in here:
            for other in names:
                if other in here or name in other or other in name:
                    continue
                if _holds(sentence, name, other, sentences):
                    continue
                for start, end in _places(name, sentence):
                    yield replaced(NAME, sentence, start, end, other)
        if len(here) == 2 and all(len(_places(name, sentence)) == 1 for name in here):
            yield from _exchanged(sentence, here)


def _exchanged(sentence: str, names: Sequence[str]) -> Iterator[Falsehood]:
    """Two names of one sentence in each other's place, unless they only stand in one list."""
    (first, end), (start, last) = sorted(_places(name, sentence)[0] for name in names)
    between = sentence[end:start]
    if len(between.split()) > 2:
        yield replaced(NAME, sentence, first, last, f"{sentence[start:last]}{between}{sentence[first:end]}")


def _named(passage: str) -> list[list[str]]:
    """The names of a passage by kind, in the order in which they come."""
    words = {word.lower() for word in re.findall(r"[A-Za-z]+", passage)}
    kinds = [[name for name in group.split() if name.lower() in words] for group in _CALENDAR]
    kinds += [[name for name in group.split() if name.lower() in words] for group in (_COLOURS, _MATERIALS, _PAYMENTS)]
    taken = {name.lower() for kind in kinds for name in kind}
    labels = [name for name in dict.fromkeys(_LABEL.findall(passage)) if name.lower() not in taken]
    found = dict.fromkeys(_CAPITALISED.findall(passage))
    free = [name for name in found if name not in _NO_NAME and name.lower() not in taken]
    countries = [name for name in dict.fromkeys([*free, *labels]) if _is_country(name)]
    kinds += [[name for name in group if name not in countries] for group in (labels, *_by_shape(free))]
    return [*kinds, countries]


def _by_shape(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names that look like codes (``S3``, ``USB-C``), and others: one in the other's place would be no sentence."""
    codes = [name for name in names if re.search(r"\d|[A-Z]{2}|^[A-Z]$", name)]
    return codes, [name for name in names if name not in codes]


def _is_country(name: str) -> bool:
    return any(word.lower() in COUNTRIES for word in name.split())


def _places(name: str, text: str) -> list[tuple[int, int]]:
    flags = re.I if name.islower() else 0
    return [found.span() for found in re.finditer(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text, flags)]


_PREDICATE = re.compile(
    r"^(?P<subject>(?!(?:It|They|This|These|There|If|You|We|In|On|For|From|When|Please|No|Only|Both)\b)"
    r"[A-Z](?:(?! (?:when|if|that|who|which) )[^,;:.]){2,50}?)"
    r"(?P<rest> (?:(?P<modal>can|cannot|must|may)|(?P<verb>costs?|takes?|weighs?|needs?|lasts?|holds?)"
    r"|(?P<is>is|are)(?= (?:not )?(?:\w+ed|sent|paid|sold|free|kept|possible)\b))\b .{4,})$"
)
"""What a thing may and must, and what is done with it, belongs to it alone; what it *is* may well be true of a part."""
_LINE = re.compile(r"^(?P<subject>[A-Z][^:.]{1,40})(?P<rest>: .{2,})$")


def _subjects(sentence: str, sentences: Sequence[str]) -> Iterator[Falsehood]:
    """What the passage says of something else, said of the subject of this sentence."""
    for shape in (_PREDICATE, _LINE):
        own = shape.match(sentence)
        if not own or re.search(r"[.!?] [A-Z]", sentence):
            continue
        for other in sentences:
            found = shape.match(other)
            # "The money is released …" twice, or "the label" and "the return label", may be about one thing.
            if not found or (_words(found["subject"]) & _words(own["subject"])) - _words("the a an of for and in"):
                continue
            if shape is _LINE or _fits(own, found):
                yield replaced(SUBJECT, sentence, *own.span("rest"), found["rest"])


def _fits(own: re.Match[str], other: re.Match[str]) -> bool:
    """Whether one predicate may stand in the other's place, in sense and in number."""
    same = any(own[verb] and own[verb] == other[verb] for verb in ("verb", "is"))
    return same or bool(own["modal"] and other["modal"])


_CLAUSE = re.compile(r"[,;:\n]\s|\s(?:and|but|while|whereas|or)\s|\n")


def _holds(sentence: str, before: str, after: str, sentences: Sequence[str]) -> bool:
    """Whether the sentence could stay true: ``after`` stands in one list with ``before``, or where the rest stands."""
    listed = rf"{re.escape(before)}(?:,? (?:and|or|to|nor) |, |[-–/])"
    passage = "\n".join(sentences)
    if re.search(rf"{listed}(?:[\w'-]+(?: [\w'-]+)?, |[\w'-]+ (?:and|or) )*{re.escape(after)}\b", passage):
        return True
    if re.search(rf"\b{re.escape(after)}(?:,? (?:and|or|to|nor) |, |[-–/])(?:[\w'-]+, |[\w'-]+ (?:and|or) )*"
                 rf"{re.escape(before)}\b", passage):  # fmt: skip
        return True
    rest = _words(sentence) - _words(before)
    scores = {True: 0.0, False: 0.0}
    for part in (part for each in sentences for part in _CLAUSE.split(each)):
        for mine, name in ((True, before), (False, after)):
            if _places(name, part):
                scores[mine] = max(scores[mine], len(rest & _words(part)) / max(1, len(rest)))
    # What stands with the other one in at least as much of the sentence's words may be true of it too.
    return scores[False] >= max(scores[True], 0.5) and scores[False] > 0.75


def _words(text: str) -> set[str]:
    return {word.lower()[:5] for word in re.findall(r"\w+(?:[.,:]\d+)*", text)}
