"""Words: tokens with their place, light stems, and the concepts that near words share."""

import re
from dataclasses import dataclass
from functools import lru_cache

from bot.grounding.lexicon import IRREGULAR, PHRASES, STOP, SYNONYMS, ZH_STOP

_TOKEN = re.compile(
    r"\d{1,2}:\d{2}(?!\d)"
    r"|\d+(?:[.,]\d+)*"
    r"|[^\W\d_\u3400-\u9fff]+(?:['][^\W\d_\u3400-\u9fff]+)*(?:-[^\W\d_\u3400-\u9fff]+)*"
    r"|[\u3400-\u9fff]"
    r"|\S"
)
_PHRASE = re.compile(r"\b(?:" + "|".join(sorted((re.escape(p) for p in PHRASES), key=len, reverse=True)) + r")\b", re.I)
_CJK = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Token:
    """``text[start:end]`` of a text, a word, number or single sign."""

    text: str
    start: int
    end: int

    @property
    def low(self) -> str:
        """In lower case."""
        return self.text.lower()

    @property
    def is_word(self) -> bool:
        """Letters, not a digit or a sign."""
        return self.text[0].isalpha()


@lru_cache(maxsize=1024)
def tokens(text: str) -> tuple[Token, ...]:
    """Words, numbers (``9:30`` and ``1,250.5`` whole), single Chinese characters and signs, in order."""
    return tuple(Token(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(text))


def plain_words(text: str) -> tuple[str, ...]:
    """A text's tokens in lower case, without the signs that two ways of writing the same may differ in.

    "No, …" and "No. …" say the opposite of "No …": a yes or no with a sign behind it is a word of its own.
    """
    read = tokens(text)
    return tuple(
        f"{token.low}," if token.low in _ANSWERS and after and after.text in _SIGNS else token.low
        for token, after in zip(read, (*read[1:], None), strict=True)
        if token.text not in _SIGNS
    )


def joints(text: str) -> frozenset[int]:
    """How many plain words stand before each sign of a text: where it may be cut."""
    found, words = set(), 0
    for token in tokens(text):
        if token.text in _SIGNS:
            found.add(words)
        else:
            words += 1
    return frozenset(found)


_SIGNS = frozenset({",", ".", "!", ";", ":", "*", '"', "(", ")"})
_ANSWERS = frozenset({"yes", "no", "not"})


def is_chinese(text: str) -> bool:
    """Whether Chinese characters carry the text."""
    return len(_CJK.findall(text)) >= 2 and len(_CJK.findall(text)) * 3 >= len(text.split())


def join_phrases(text: str) -> str:
    """The text with word groups that read as one word written as that word."""
    return _PHRASE.sub(lambda m: PHRASES[m.group().lower()], text)


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """A light English stem: ``returns``, ``returned``, ``returnable`` and ``returning`` are ``return``."""
    word = word.lower()
    if word in IRREGULAR:
        return IRREGULAR[word]
    word = word.removesuffix("'s").removesuffix("'")
    if word in IRREGULAR:
        return IRREGULAR[word]
    if (len(word) > 4 and word.endswith("ies")) or (len(word) > 4 and word.endswith("ied")):
        word = word[:-3] + "y"
    elif len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for suffix in ("ation", "able", "ible", "ment", "ing", "ed", "ly"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sz":
                word = word[:-1]
            break
    return IRREGULAR.get(word, word.removesuffix("e") if len(word) > 3 else word)


@lru_cache(maxsize=16384)
def concepts(word: str) -> frozenset[str]:
    """What a word may stand for: its stem, the head of its synonym groups, and the parts of a compound."""
    low = word.lower()
    found = {stem(low)} | {head for form in (low, stem(low)) for head in _GROUPS.get(form, ())}
    if "-" in low:
        found |= {stem(part) for part in low.split("-") if part}
    return frozenset(found)


def _group_heads() -> dict[str, frozenset[str]]:
    heads: dict[str, set[str]] = {}
    for group in SYNONYMS:
        head = "~" + group.split()[0]
        for word in group.split():
            heads.setdefault(word, set()).add(head)
            heads.setdefault(stem(word), set()).add(head)
    return {word: frozenset(found) for word, found in heads.items()}


_GROUPS = _group_heads()


def is_content(token: Token) -> bool:
    """Whether a word states something by itself."""
    if _CJK.match(token.text):
        return token.text not in ZH_STOP
    return token.is_word and len(token.text) > 1 and token.low not in STOP
