"""Finds listed phrases in a text, token by token, so that Chinese needs no spaces and English no substrings match."""

import re
from collections.abc import Iterator, Mapping

_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\d_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|\d+")
"""A Chinese, Japanese or Korean character, a word, or a number ("Tarn2" is "Tarn" and "2")."""

_GAP = re.compile(r"[\s\-–_/·'’&.,+]{0,4}(?:\([\s]?)?")
"""What may stand between two tokens of one phrase."""

_FUZZY_WORD = 5
"""Shorter words are too close to each other for a typo to be told from another word."""

_FUZZY_ALONE = 8
"""A phrase of one word must be this long to be found with a typo: "books" is not "boots"."""

_LONGEST = 12
"""Tokens of the longest phrase."""


class Gazetteer:
    """Phrases of entities, found whatever their case, hyphens and spaces, and with one typo in a long word."""

    def __init__(self, phrases: Mapping[str, Mapping[str, str]], known_words: frozenset[str] = frozenset()) -> None:
        """Prepare ``phrases``: entity name to phrase to value. ``known_words`` are never taken for a typo."""
        self._entries: dict[tuple[str, ...], tuple[str, str]] = {}
        self._spelt: dict[tuple[str, ...], str] = {}
        """Codes that are words too, and must be spelt as listed: "BE" is Belgium, "be" is not."""
        self._starts: dict[str, int] = {}
        """First token to the length of the longest phrase that starts with it."""
        for name, values in phrases.items():
            for phrase, value in values.items():
                key = tuple(match[0].casefold() for match in _TOKEN.finditer(phrase))[:_LONGEST]
                if key:
                    self._entries.setdefault(key, (name, value))
                    self._starts[key[0]] = max(self._starts.get(key[0], 0), len(key))
                    if len(key) == 1 and len(phrase) <= 3 and phrase.isupper() and key[0] in known_words:
                        self._spelt[key] = phrase
        self._vocabulary = {token for key in self._entries for token in key}
        self._known = known_words | self._vocabulary
        self._misspelt = _misspellings(self._vocabulary)

    def find(self, text: str) -> Iterator[tuple[str, str, int, int]]:
        """Every (entity name, value, start, end); may overlap. Time grows with the text and the longest phrase."""
        matches = list(_TOKEN.finditer(text))
        exact = [match[0].casefold() for match in matches]
        meant = [self._meant(token) for token in exact]
        for at, token in enumerate(meant):
            key: tuple[str, ...] = ()
            for upto in range(at, min(at + self._starts.get(token, 0), len(matches))):
                if upto > at and not _GAP.fullmatch(text, matches[upto - 1].end(), matches[upto].start()):
                    break
                key = (*key, meant[upto])
                entry = self._entries.get(key)
                spelt = self._spelt.get(key)
                if entry and self._close_enough(key, exact[at : upto + 1]) and spelt in (None, matches[at][0]):
                    yield *entry, matches[at].start(), matches[upto].end()

    def _meant(self, token: str) -> str:
        """The listed word that ``token`` is, perhaps misspelt by one letter; itself where that is not clear."""
        if token in self._known or len(token) < _FUZZY_WORD or token.isdigit():
            return token
        candidates = {word for form in _deletions(token) for word in self._misspelt.get(form, ())}
        near = {word for word in candidates if word[0] == token[0] and _one_typo(token, word)}
        return near.pop() if len(near) == 1 else token

    def _close_enough(self, key: tuple[str, ...], exact: list[str]) -> bool:
        typos = sum(meant != said for meant, said in zip(key, exact, strict=True))
        return typos == 0 or (typos == 1 and (len(key) > 1 or len(key[0]) >= _FUZZY_ALONE))


def _misspellings(words: set[str]) -> dict[str, set[str]]:
    """Every word with at most one letter left out, to the words it may stand for (SymSpell's symmetric deletion)."""
    forms: dict[str, set[str]] = {}
    for word in words:
        if len(word) >= _FUZZY_WORD and not word.isdigit():
            for form in _deletions(word):
                forms.setdefault(form, set()).add(word)
    return forms


def _deletions(word: str) -> set[str]:
    # A word of more than 40 letters is no word; the cap keeps hostile input cheap.
    return {word} | {word[:at] + word[at + 1 :] for at in range(len(word))} if len(word) <= 40 else {word}


def _one_typo(said: str, meant: str) -> bool:
    """Whether one letter is missing, too much, wrong, or swapped with its neighbour."""
    if abs(len(said) - len(meant)) > 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(said, meant, strict=False)) if a != b), min(len(said), len(meant)))
    rest, other = said[at:], meant[at:]
    return (
        rest[1:] == other[1:]
        or rest[1:] == other
        or rest == other[1:]
        or (rest[:2] == other[1::-1] and rest[2:] == other[2:])
    )
