"""The best passage quoted as it stands: whole answers, or the few sentences of a page that answer, uncut where cutting
would mislead."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.generation.sentences import split_sentences
from bot.records import Citation, Hit, Kind, Passage, Utterance

LONGEST = 3
"""Sentences of a quote, before those are taken along that begin by taking something back."""

LONGEST_CONDITIONS = 5
"""Sentences of a quote with the conditions that follow it."""

WHOLE = 1200
"""Characters up to which a list or a table is quoted whole."""

_PRICE = 0.12
"""What a further sentence has to add: about one word of a question of eight."""

_AS_GOOD = 0.9
"""A passage in the shopper's language is quoted before a slightly better one in another."""

_TAKES_BACK = re.compile(
    r"(?:however|but|except|exceptions?|unless|only|otherwise|not\b|no\b|note|please note|this does not|it does not"
    r"|these do not|they do not|that does not|in (?:that|this) case|if\b|provided|for (?:all )?other|outside"
    r"|但是?|不过|除|然而|只有|否则|如果|若|注意|例外|仅)",
    re.IGNORECASE,
)
"""How a sentence begins that takes back, or limits, what the one before it says."""

_RESTRICTS = re.compile(
    r"\b(?:must|only|unless|except|cannot|not|never|no longer|however|provided|excluded|at least|at most)\b"
    r"|必须|只有|仅|除非|不能|不可|不包括|但",
    re.IGNORECASE,
)
"""Words by which a sentence limits what stands before it, wherever they stand in it."""

_LEANS_BACK = re.compile(
    r"(?:it|its|this|these|they|their|those|that|such|then|also|he|she|there|in (?:that|this) case|after that"
    r"|however|but|except|otherwise|它们?|这些?|那些?|此外|然后|但是?|不过|否则)\b",
    re.IGNORECASE,
)
"""How a sentence begins that cannot be understood without the one before it."""

_ROW = re.compile(r"\s*(?:[-*+•·]|\d{1,3}[.)]|\|)\s*|[^.!?。！？:：]{1,80}[:：]\s*[^\s][^!?。！？]*(?<![.:：])$")
"""A line of a list or table, also one that was flattened to ``name: value``."""
_RULE = re.compile(r"^[\s|:+-]+$")
_WORD = re.compile(r"[^\W_]+")
_HAN = re.compile(r"[\u3400-\u9fff]+")
_MONEY = re.compile(r"costs?|prices?|fees?|charges?|charged|paid|pay|eur|euros?|free")
"""Who asks what something costs is answered by any of these."""

_STOP = re.compile(
    r"an?|and|are|as|at|be|by|can|do|does|for|from|have|how|i|if|in|is|it|its|me|my|of|on|or|our|so|that|the|their"
    r"|there|they|this|to|us|we|what|when|where|which|who|will|with|you|your|[的了吗我你是在有]"
)
"""Words that tell no two sentences apart."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is quoted whole or not at all: a sentence, or a list or table with the line that announces it."""

    text: str
    paragraph: int
    rows: bool = False


def quote(question: str, hits: Sequence[Hit], language: str = "en") -> Utterance:
    """Quote the best of ``hits`` (at least one) in answer to ``question``, with its citation.

    FAQ answers, product facts and action results stand as they are. Of a page one to three neighbouring sentences are
    taken, by shared words. A list or table is not cut, a sentence that leans on the one before brings it along, and
    one that takes something back is never left out.
    """
    passage = next(
        (hit.passage for hit in hits if hit.passage.locale == language and hit.score >= _AS_GOOD * hits[0].score),
        hits[0].passage,
    )
    text = passage.text.strip() if passage.kind is not Kind.POLICY else _excerpt(question, passage)
    return Utterance(text, citations=(cite(passage),))


def cite(passage: Passage) -> Citation:
    """The citation of a passage that is quoted itself."""
    return Citation(passage.id, passage.title, passage.source, passage.url)


def _excerpt(question: str, passage: Passage) -> str:
    units = _units(passage.text)
    if len(units) <= 1:
        return passage.text.strip()
    first, last = _stretch(units, *_best(question, units))
    return _join([_shorten(unit, question) for unit in units[first : last + 1]])


def _units(text: str) -> list[_Unit]:
    units: list[_Unit] = []
    for paragraph, block in enumerate(re.split(r"\n\s*\n", text.strip())):
        prose: list[str] = []
        rows: list[str] = []
        for line in block.splitlines():
            if _ROW.match(line) or (rows and line.startswith((" ", "\t"))):
                rows.append(line.rstrip())
                continue
            if rows:
                units += _close(prose, rows, paragraph)
                prose, rows = [], []
            prose.append(line.strip())
        units += _close(prose, rows, paragraph)
    return _announced(units)


def _close(prose: list[str], rows: list[str], paragraph: int) -> list[_Unit]:
    units = [_Unit(sentence, paragraph) for sentence in split_sentences(" ".join(prose))]
    if not rows:
        return units
    table = "\n".join(rows)
    if units and units[-1].text.endswith((":", "：")):
        table = f"{units.pop().text}\n{table}"
    return [*units, _Unit(table, paragraph, rows=True)]


def _announced(units: list[_Unit]) -> list[_Unit]:
    """Join a list to the line that announces it where a blank line stands between them."""
    joined: list[_Unit] = []
    for unit in units:
        if unit.rows and joined and not joined[-1].rows and joined[-1].text.endswith((":", "：")):
            unit = _Unit(f"{joined.pop().text}\n{unit.text}", unit.paragraph, rows=True)
        joined.append(unit)
    return joined


def _best(question: str, units: Sequence[_Unit]) -> tuple[int, int]:
    """First and last of the neighbouring units that together answer best, each further one for a price."""
    asked = _words(question)
    words = [_words(unit.text) for unit in units]
    # A word that every sentence has tells nothing apart.
    weights = {word: 1 / (1 + sum(word in found for found in words)) for word in asked}
    total = sum(weights.values()) or 1.0

    def worth(first: int, last: int) -> float:
        shared = asked & frozenset().union(*words[first : last + 1])
        return sum(weights[word] for word in shared) / total - _PRICE * (last - first)

    windows = [
        (first, last)
        for first in range(len(units))
        for last in range(first, min(first + LONGEST, len(units)))
        if units[first].paragraph == units[last].paragraph
    ]
    return max(windows, key=lambda window: (worth(*window), -window[0]))


def _stretch(units: Sequence[_Unit], first: int, last: int) -> tuple[int, int]:
    """Grow the quote backwards to what it leans on, and forwards to what limits it."""
    # "These cannot be returned:" above a list points forward.
    while first > 0 and not units[first].rows and _LEANS_BACK.match(units[first].text) and last - first < LONGEST:
        first -= 1
    while last + 1 < len(units):
        following = units[last + 1]
        takes_back = bool(_TAKES_BACK.match(following.text)) and not following.rows
        together = following.paragraph == units[last].paragraph and last - first + 1 < LONGEST_CONDITIONS
        if not (takes_back or (together and _RESTRICTS.search(following.text))):
            break
        last += 1
    return first, last


def _shorten(unit: _Unit, question: str) -> _Unit:
    """A very long list or table keeps its head and the rows the question names; "…" stands for the rows left out."""
    if not unit.rows or len(unit.text) <= WHOLE:
        return unit
    asked = _words(question)
    lines = unit.text.splitlines()
    head = 1 + sum(bool(_RULE.match(line)) or not _ROW.match(line) for line in lines[:3])
    rows = lines[head:]
    words = [_words(row) for row in rows]
    # A currency that stands in most rows chooses none.
    telling = {word for word in asked if sum(word in found for found in words) * 2 < len(rows)}
    kept = [row for row, found in zip(rows, words, strict=True) if telling & found] or rows[:5]
    return _Unit("\n".join([*lines[:head], *kept, "…"]), unit.paragraph, rows=True)


def _join(units: Sequence[_Unit]) -> str:
    text = units[0].text
    for before, unit in pairwise(units):
        if before.paragraph != unit.paragraph:
            text += "\n\n"
        elif before.rows or unit.rows:
            text += "\n"
        elif not re.search(r"[。！？]$", text):
            text += " "
        text += unit.text
    return text


def _words(text: str) -> frozenset[str]:
    words = {_stem(word.casefold()) for word in _WORD.findall(text) if not _HAN.search(word)}
    pairs = {run[at : at + 2] for run in _HAN.findall(text) for at in range(max(len(run) - 1, 1))}
    return frozenset(word for word in words | pairs if not _STOP.fullmatch(word))


def _stem(word: str) -> str:
    if _MONEY.fullmatch(word):
        return "price"
    for ending in ("ing", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
