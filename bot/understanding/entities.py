"""Finds entities in a text: by the shop's regexes and lookups, and by patterns that every shop needs."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.records import Entity
from bot.understanding.gazetteer import Gazetteer
from bot.understanding.patterns import PATTERNS, canonical, lenient
from bot.understanding.regexes import WINDOW
from bot.understanding.training_data import TrainingData

_RANK = {"regex": 0, "lookup": 1, "pattern": 2}
"""Of two entities over the same span, what the shop wrote itself wins."""

_OVERLAP = 64
"""Windows over a long text overlap this much, so that an entity up to this long is whole in one of them."""

_WIDE = {ord(full): ord(full) - 0xFEE0 for full in map(chr, range(0xFF01, 0xFF5F))} | {0x3000: 0x20, 0x2019: 0x27}
"""Full-width letters and digits as Chinese keyboards make them, to ASCII: one character each, so spans stay right."""

_SHAPE = re.compile(r"([^\W\d_]*)([^\w]?)(\d+)")


@dataclass(frozen=True, slots=True)
class Shape:
    """How the shop writes a code: ``LF-204518`` is ``Shape("LF", "-", 6)``."""

    letters: str
    separator: str
    digits: int

    def canonical(self, surface: str) -> str | None:
        """``surface`` as the shop writes it ("lf 204518", "#204518" and "204518" alike), or None if it cannot be."""
        letters = "".join(re.findall(r"[^\W\d_]", surface))
        digits = "".join(re.findall(r"[0-9]", surface))
        if len(digits) != self.digits or letters.casefold() not in ("", self.letters.casefold()):
            return None
        return f"{self.letters}{self.separator}{digits}"


class EntityExtractor:
    """Finds entities; of overlapping ones the longest wins. Linear in the text's length."""

    def __init__(self, data: TrainingData, phrases: Mapping[str, Sequence[str]] | None = None) -> None:
        """Prepare for ``data``; ``phrases`` adds lookups from elsewhere, as product names from a catalogue."""
        intents = set(data.intents)
        # A regex that is named like an intent is a hint for that intent in Rasa, not an entity.
        self._regexes = [
            (entry.name, re.compile(entry.pattern, re.IGNORECASE))
            for entry in data.patterns
            if entry.name not in intents
        ]
        own = {name for name, _ in self._regexes}
        self._patterns = [(name, pattern) for name, pattern in PATTERNS if name not in own]
        self._synonyms = dict(data.synonyms)
        self._gazetteer = Gazetteer(_phrases(data, phrases or {}), _known_words(data))
        self._shapes = _shapes(data, own | {"order_number"})

    def extract(self, text: str, requested: str | None = None) -> tuple[Entity, ...]:
        """The entities of ``text`` by position. ``requested`` is the slot that the shopper was just asked for: what
        alone says nothing (``204518``, ``42``) is read as an answer to that."""
        plain = text.translate(_WIDE)
        found = [*self._by_regex(plain), *self._by_lookup(plain), *self._by_pattern(plain)]
        chosen = _longest(found)
        if requested is not None and all(entity.name != requested for entity in chosen):
            span = lenient(requested, plain)
            if span is not None and not any(entity.start < span[1] and span[0] < entity.end for entity in chosen):
                chosen.append(self._entity(requested, plain, *span, "pattern"))
        return tuple(sorted(chosen, key=lambda entity: entity.start))

    def _by_regex(self, text: str) -> Iterator[Entity]:
        for name, regex in self._regexes:
            for start, end in _windows(len(text)):
                for match in regex.finditer(text, start, end):
                    if match.start() < match.end():
                        yield self._entity(name, text, match.start(), match.end(), "regex")

    def _by_lookup(self, text: str) -> Iterator[Entity]:
        for name, value, start, end in self._gazetteer.find(text):
            yield Entity(name, self._synonyms.get(value.casefold(), value), start, end, "lookup")

    def _by_pattern(self, text: str) -> Iterator[Entity]:
        for name, pattern in self._patterns:
            for match in pattern.finditer(text):
                start, end = match.span("value") if "value" in pattern.groupindex else match.span()
                yield self._entity(name, text, start, end, "pattern")

    def canonical(self, name: str, surface: str) -> str:
        """The value of the entity ``name`` written as ``surface``: its synonym, or the shop's way to write it."""
        value = self._synonyms.get(surface.casefold())
        if value is None and name in self._shapes:
            value = self._shapes[name].canonical(surface)
        return value or canonical(name, surface)

    def _entity(self, name: str, text: str, start: int, end: int, extractor: str) -> Entity:
        return Entity(name, self.canonical(name, text[start:end]), start, end, extractor)


def _windows(length: int) -> Iterator[tuple[int, int]]:
    """Overlapping stretches that a shop's own expression sees one at a time, which bounds its time on long texts."""
    start = 0
    while True:
        yield start, min(start + WINDOW, length)
        if start + WINDOW >= length:
            return
        start += WINDOW - _OVERLAP


def _longest(found: Sequence[Entity]) -> list[Entity]:
    chosen: list[Entity] = []
    taken: set[int] = set()
    for entity in sorted(found, key=lambda e: (e.start - e.end, _RANK[e.extractor], e.start)):
        span = range(entity.start, entity.end)
        if taken.isdisjoint(span):
            taken.update(span)
            chosen.append(entity)
    return chosen


def _phrases(data: TrainingData, more: Mapping[str, Sequence[str]]) -> dict[str, dict[str, str]]:
    """Phrases by entity, each with its value: lookups, and what examples mark as an entity that has a lookup or a
    synonym. A marked ``[38](size)`` or ``[LF-204518](order_number)`` teaches nothing about other texts."""
    phrases: dict[str, dict[str, str]] = {}
    for name, listed in [*data.lookups.items(), *more.items()]:
        phrases.setdefault(name, {}).update((phrase, phrase) for phrase in listed)
    patterned = {entry.name for entry in data.patterns} | {name for name, _ in PATTERNS}
    names: dict[str, set[str]] = {}
    for example in data.examples:
        for mark in example.annotations:
            names.setdefault(mark.value.casefold(), set()).add(mark.name)
            surface = example.text[mark.start : mark.end]
            if mark.name not in patterned and sum(map(str.isalpha, surface)) > 1:
                phrases.setdefault(mark.name, {}).setdefault(surface, mark.value)
    # A synonym belongs to every entity that can have its value: "kikker" means the colour "green" where green is one.
    for listed_name, listed_phrases in phrases.items():
        for phrase in listed_phrases:
            names.setdefault(phrase.casefold(), set()).add(listed_name)
    for phrase, value in data.synonyms.items():
        for name in names.get(value.casefold(), ()):
            if name not in patterned:
                phrases.setdefault(name, {}).setdefault(phrase, value)
    return phrases


def _known_words(data: TrainingData) -> frozenset[str]:
    """Words that examples use outside of entities: spelt right, whatever they resemble."""
    words: set[str] = set()
    for example in data.examples:
        at = 0
        for mark in example.annotations:
            words.update(re.findall(r"\w+", example.text[at : mark.start].casefold()))
            at = mark.end
        words.update(re.findall(r"\w+", example.text[at:].casefold()))
    return frozenset(words)


def _shapes(data: TrainingData, names: set[str]) -> dict[str, Shape]:
    """The commonest shape of each code that examples mark: letters, perhaps a separator, then digits."""
    seen: dict[str, Counter[Shape]] = {}
    for example in data.examples:
        for mark in example.annotations:
            match = _SHAPE.fullmatch(mark.value)
            if mark.name in names and match and len(match[3]) >= 4:
                seen.setdefault(mark.name, Counter())[Shape(match[1], match[2], len(match[3]))] += 1
    return {name: shapes.most_common(1)[0][0] for name, shapes in seen.items()}
