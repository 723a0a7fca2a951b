"""Makes true sentences false by their wording: what is denied, limited or conditional, or has an opposite. Pure.

Each falsehood names what it changed, so that the same change can be made to the source: then the changed sentence is
true and the unchanged one false, and no word alone gives a label away.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NEGATION, ONLY, ANTONYM, CONDITION, NUMBER, NAME, SUBJECT = (
    "negation", "only", "antonym", "condition", "number", "name", "subject",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Falsehood:
    """A sentence that says what its source does not."""

    kind: str
    text: str
    before: str
    """The words that were changed; with empty ``after`` they were dropped."""
    after: str


def reword(sentence: str, passage: str) -> tuple[Falsehood, ...]:
    """All falsehoods that the wording of a true ``sentence`` over ``passage`` allows, without doubles; deterministic.

    Whether a sentence has become false is not proven: the rules below are those that seldom leave one true.
    """
    found = {made.text: made for made in _reworded(sentence, passage)}
    return tuple(made for text, made in found.items() if text != sentence)


def _reworded(sentence: str, passage: str) -> Iterator[Falsehood]:
    yield from _denials(sentence)
    yield from _affirmations(sentence)
    yield from _limits(sentence, passage)
    yield from _opposites(sentence)
    yield from _conditions(sentence)


def replaced(kind: str, sentence: str, start: int, end: int, after: str) -> Falsehood:
    """The falsehood that has ``after`` in the place of ``sentence[start:end]``."""
    before = sentence[start:end]
    if before[:1].isupper():
        after = after[:1].upper() + after[1:]
    text = re.sub(r"\s+(?=[.,;])", "", " ".join(f"{sentence[:start]}{after}{sentence[end:]}".split()))
    return Falsehood(kind, text[:1].upper() + text[1:] if sentence[:1].isupper() else text, before, after)


_AUXILIARY = re.compile(
    r"\b(can|will|must|may|should|is|are|was|were|has been|have been)\b"
    r"(?! (?:not|never|no|only|neither|nor|nothing|none|nobody|at least|at most|up to)\b)(?=[ ,])",
    re.I,
)
_VERBS = (
    "applies includes contains comes takes weighs holds fits works lasts needs arrives counts expires starts ends "
    "belongs goes gets remains stays keeps allows requires"
)
"""In the third person, and hardly ever nouns."""
_THIRD = re.compile(
    rf"\b(?:({'|'.join(_VERBS.split())})\b(?! no\b)"
    r"|(costs)(?= (?:about |only |just |you )?(?:\d|€|£|\$|extra|half))"
    r"|(covers)(?= (?:the|all|a|both|every|up|your)\b)"
    r"|(ships|leaves)(?= (?:free|in|within|from|to|on|for|the|our)\b)"
    r"|(has)(?! (?:been|no|not|to|never|only)\b)(?= [a-z\d]))",
    re.I,
)
_NO_VERB = (
    "can|cannot|may|must|will|do|did|are|were|have|had|should|would|could|need|only|also|always|never|then|first|now|"
    "still|both|all|just|either|neither|usually|normally|and|or|in|at|on|for|to|with|by|as|once|within|who|can't|don't"
)
_PLURAL = re.compile(
    rf"(?:\b(we|they) |(?:^|(?<=, )|\b(?:if|unless|when|that|once|until|but|and) )(you) )"
    rf"(?!(?:{_NO_VERB})\b|\w+(?:ly|ed)\b)([a-z]{{2,}})\b",
    re.I,
)


def _denials(sentence: str) -> Iterator[Falsehood]:
    """A "not" put in."""
    for found in _AUXILIARY.finditer(sentence):
        verb = found[1]
        first, _, rest = verb.partition(" ")
        denied = "cannot" if verb.lower() == "can" else f"{first} not {rest}".strip()
        yield replaced(NEGATION, sentence, *found.span(1), denied)
    for found in _THIRD.finditer(sentence):
        yield replaced(NEGATION, sentence, *found.span(), f"does not {plain(found[0])}")
    for found in _PLURAL.finditer(sentence):
        yield replaced(NEGATION, sentence, *found.span(3), f"do not {found[3]}")


_DENIED = (
    (r"\bcan(?:not|'t| not)\b(?! only)", "can"),
    (r"\b(is|are|was|were|will|must|may|should|has|have|would|could) not\b(?! (?:only|yet|until))", r"\1"),
    (r"\b(is|are|was|were|has|have|would|could|should|must)n't\b(?! only)", r"\1"),
    (r"\bwon't\b", "will"),
    (r"\b(?:do not|don't) (?!have to)(\w+)", r"\1"),
    (r"\bdo(?:es)? not have to\b", "must"),
    (r"\bneed not\b", "must"),
    (r"\bnever\b", "always"),
    (r"\bno longer\b", "still"),
    (r"\bnot included\b", "included"),
    (r"\bat no (?:extra |additional )?(?:cost|charge)\b", "at extra cost"),
    (r"\b(costs?) nothing\b", r"\1 extra"),
    (r"\bthere (is|are) no\b", r"there \1"),
    (r"\bneither (\w+) nor\b", r"\1 and"),
    (r"\bnone of\b", "all of"),
    (r"\bnobody\b", "everybody"),
    (r"(?<=, )(but )?not (?=(?:for|in|to|on|the|with|at|by)\b)", "and "),
)
_HAS_NO = re.compile(
    r"\b(carry|have|has|needs?|contains?|with|is|are|gives?) no (?!longer|more|later|extra|one)(\w+)", re.I
)
_DOES_NOT = re.compile(r"\b(?:does not|doesn't) (?!have to)(\w+)", re.I)


def _affirmations(sentence: str) -> Iterator[Falsehood]:
    """A "not" taken out."""
    for pattern, after in _DENIED:
        for found in re.finditer(pattern, sentence, re.I):
            yield replaced(NEGATION, sentence, *found.span(), found.expand(after).lower())
    for found in _DOES_NOT.finditer(sentence):
        yield replaced(NEGATION, sentence, *found.span(), _third(found[1]))
    for found in _HAS_NO.finditer(sentence):
        article = "" if found[2].endswith("s") else "a "
        yield replaced(NEGATION, sentence, *found.span(), f"{found[1].lower()} {article}{found[2]}")


_ONLY = re.compile(r"\b(?<!not )(?<!the )only (?!one\b|once\b|the\b|if\b)|\bexclusively ", re.I)
_LIMITABLE = re.compile(r"(?<=[a-z]) (?=(?:in|for|with|by|on|via) (?:[A-Z]|the |our |your |an? |[a-z]+s\b))")
_DENIES = re.compile(r"\b(?:not|no|never|cannot|\w+n't|neither|none|without|except|only|exclusively|unless)\b", re.I)


def _limits(sentence: str, passage: str) -> Iterator[Falsehood]:
    """An "only" taken out, or put where the passage has none."""
    for found in _ONLY.finditer(sentence):
        yield replaced(ONLY, sentence, *found.span(), "")
    if not _DENIES.search(sentence) and not re.search(r"\bonly\b|\bexclusively\b", passage, re.I):
        for found in _LIMITABLE.finditer(sentence):
            start = sentence.rfind(" ", 0, found.start()) + 1
            word = sentence[start : found.start()]
            yield replaced(ONLY, sentence, start, found.start(), f"{word} only")


OPPOSITES: Sequence[tuple[str, str]] = (
    ("before", "after"), ("with", "without"), ("at least", "at most"), ("more than", "less than"),
    ("included", "excluded"), ("including", "excluding"), ("includes", "excludes"), ("above", "below"),
    ("over", "under"), ("earlier", "later"), ("minimum", "maximum"), ("you pay", "we pay"), ("we bear", "you bear"),
    ("at our expense", "at your expense"), ("unopened", "opened"), ("unused", "used"), ("unworn", "worn"),
    ("indoors", "outdoors"), ("inside", "outside"), ("always", "never"), ("allowed", "forbidden"),
    ("possible", "impossible"), ("the day of", "the day before"), ("heavier", "lighter"),
    ("longer", "shorter"), ("larger", "smaller"),
    ("higher", "lower"), ("cheaper", "dearer"), ("accept", "refuse"), ("accepts", "refuses"), ("accepted", "refused"),
    ("damaged", "undamaged"), ("online", "in our shop"), ("the same day", "the next day"), ("buyer", "seller"),
    ("free", "paid"), ("weekdays", "weekends"), ("morning", "evening"), ("open", "closed"), ("first", "last"),
    ("up to", "at least"), ("most", "all"), ("some", "all"), ("usually", "always"), ("a few", "all"),
    ("sender", "recipient"), ("washable", "not washable"), ("waterproof", "not waterproof"), ("from", "up to"),
    ("by hand", "by machine"), ("warm", "cold"), ("old", "new"), ("optional", "compulsory"),
    ("refundable", "non-refundable"), ("taxable", "tax-free"), ("daily", "weekly"), ("for free", "for a fee"),
    ("is free", "costs extra"), ("are free", "cost extra"), ("free of charge", "for a fee"), ("during", "outside"),
    ("both", "neither of the"), ("once", "every time"), ("increases", "decreases"),
    ("our warehouse", "your home"), ("we choose", "you choose"), ("you can choose", "we choose"),
    ("in stock", "sold out"), ("also", "never"), ("compatible", "incompatible"), ("equal", "unequal"),
    ("must", "need not"), ("may", "must"),
    ("can", "must"), ("automatically", "only on request"), ("immediately", "later"), ("whole", "half"),
)  # fmt: skip
"""Phrases and what denies or overstates them; each may stand for the other, but for those in ``_ONE_WAY``."""

_ONE_WAY = frozenset(
    {"most", "some", "a few", "usually", "from", "for free", "is free", "are free", "free of charge", "both", "once",
     "our warehouse", "you can choose", "also", "must", "may", "can", "washable", "waterproof", "automatically",
     "immediately", "whole", "up to", "during", "the same day", "online"}
)  # fmt: skip
_PAIRED = {
    "before": r"\bbefore (?:or|and) after\b|\bthe day before\b",
    "with": r"\bwith (?:or|and) without\b|\bwithin\b",
    "from": r"\bfrom (?!\d|€|£|\$)",  # "from 60 EUR" has an opposite, "from Norway" none.
    "once": r"\bonce (?!(?:an?|per|for|only|more)\b)",
    "over": r"\bover (?!\d|€|£|\$)",
    "under": r"\bunder (?!\d|€|£|\$)",
    "can": r"\bcan (?:be|not|only)\b|\bcan (?!pay|return|use|choose)",
    "may": r"\bmay (?:be|not)\b",
    "must": r"\bmust not\b",
    "first": r"\bfirst (?=\d)",
    "free": r"\b\w+-free\b|\bfree (?:of|from|within|to)\b",
    "open": r"\bopen(?:s|ed|ing)?\b(?= (?:the|it|your))",
    "also": r"\bnot also\b",
    "most": r"\bat most\b|\bmost (?=[a-z]+ (?:common|often))",
    "paid": r"\bpaid (?=(?:by|with|in|at|for|out|on|back)\b)|\b(?:be|is|are) paid\b",
    "new": r"\bnew (?!to\b)(?!and)",
}
"""Uses of a phrase in which its opposite says nothing false, or nothing at all."""


_ACTOR = re.compile(
    r"\b(we|you)(?= (?:pay|choose|keep|decide|bear|book|collect|send|register|order|cover|return|bring|fit|install|"
    r"clean|check|pack|need|wash|measure|fetch|print|enter|remove|carry|insure|tell)\b)",
    re.I,
)


def _opposites(sentence: str) -> Iterator[Falsehood]:
    """A phrase changed into its opposite, where the sentence does not hold both."""
    for found in _ACTOR.finditer(sentence):
        yield replaced(ANTONYM, sentence, *found.span(1), {"we": "you", "you": "we"}[found[1].lower()])
    low = f" {sentence.lower()} "
    for one, other in OPPOSITES:
        ways = [(one, other)] if one in _ONE_WAY else [(one, other), (other, one)]
        for before, after in ways:
            barred = [found.span() for found in re.finditer(_PAIRED.get(before, r"(?!)"), sentence, re.I)]
            for found in re.finditer(rf"(?<![\w-]){re.escape(before)}(?![\w-])", sentence, re.I):
                both = re.search(rf"(?<![\w-]){re.escape(after)}(?![\w-])", low.replace(before, " ", 1))
                if not both and not any(start <= found.start() < end for start, end in barred):
                    yield replaced(ANTONYM, sentence, *found.span(), after)


_CONDITION = r"(?:only )?(?:unless|if|as long as|so long as|provided(?: that)?|except(?: for| to| on| in)?)"
_TRAILING = re.compile(rf"(?<!even),? (?<!even )(?<!if )({_CONDITION}) [^,;.]{{4,}}(?=[,;.]|$)", re.I)
_LEADING = re.compile(r"^(?:If|Unless|As long as|Provided(?: that)?) [^,;.]{4,},\s*(?:then )?(?=[a-z])")
_TURNED = (
    (r"(?<!even )(?<!only )(?<!as )\bif\b(?! (?:not|any)\b)", "unless"),
    (r"\bonly if\b", "even if"),
    (r"\bas long as\b", "unless"),
    (r"\bprovided(?: that)?\b", "unless"),
    (r"\bunless\b", "if"),
    (r"\bexcept(?: for)?\b(?! (?:to|on|in)\b)", "including"),
    (r"\buntil\b", "from"),
)


def _conditions(sentence: str) -> Iterator[Falsehood]:
    """A condition or an exception dropped, or turned round."""
    for found in _TRAILING.finditer(sentence):
        yield replaced(CONDITION, sentence, *found.span(), "")
    if leading := _LEADING.match(sentence):
        yield replaced(CONDITION, sentence, *leading.span(), "")
    for pattern, after in _TURNED:
        for found in re.finditer(pattern, sentence, re.I):
            yield replaced(CONDITION, sentence, *found.span(), after)


def plain(verb: str) -> str:
    """The verb as it stands after "not": ``applies`` → ``apply``, ``has`` → ``have``."""
    low = verb.lower()
    if low in {"has", "goes"}:
        return {"has": "have", "goes": "go"}[low]
    return f"{low[:-3]}y" if low.endswith("ies") else low.removesuffix("s")


def _third(verb: str) -> str:
    """``apply`` → ``applies``, ``have`` → ``has``."""
    low = verb.lower()
    if low == "have":
        return "has"
    if low.endswith("y") and low[-2:-1] not in "aeiou":
        return f"{low[:-1]}ies"
    return f"{low}es" if low.endswith(("s", "x", "ch", "sh", "o")) else f"{low}s"
