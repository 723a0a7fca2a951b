"""Product names: which words of a text name a product, and whether they name this very one."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from bot.grounding.found import Found
from bot.grounding.shown import plain
from bot.grounding.words import stem
from bot.records import Kind, Passage

_WORD = re.compile(r"[^\W_]+(?:['.-][^\W_]+)*")
_GENDER = frozenset({"man", "woman", "kid", "child", "unisex"})
"""A title may open with one of these ("Men's Beck Down Jacket"); its family name comes next."""


@dataclass(frozen=True, slots=True)
class Titles:
    """The product names that are known in a turn."""

    keys: frozenset[frozenset[str]]
    """Every known name as the stems that tell it from others."""
    families: frozenset[str]
    """Stems that open a name: "tarn", "corrie"."""
    vocabulary: frozenset[str]
    generic: frozenset[str]
    """Stems of what kind of thing a product is: a "Tarn 2" and a "Tarn 2 tent" are the same."""

    def key(self, name: str) -> frozenset[str]:
        """The stems that tell this name from others."""
        return frozenset(_stems(name)) - self.generic

    def naming(self, said: frozenset[str], title: frozenset[str]) -> bool:
        """Whether ``said`` names the product ``title`` and cannot name another known one."""
        if said == title:
            return True
        return said < title and said not in self.keys and sum(said < key for key in self.keys) == 1


def read_titles(sources: Iterable[Passage], catalogue: Iterable[str]) -> Titles:
    """Learn product names from the product passages of a turn and from the whole catalogue's titles."""
    products = [passage for passage in sources if passage.kind is Kind.PRODUCT]
    generic = frozenset(word for passage in products for word in _stems(passage.attributes.get("category", "")))
    known = frozenset(catalogue)
    return _titles(known, frozenset(_name(passage) for passage in products), generic)


@lru_cache(maxsize=64)
def _titles(known: frozenset[str], shown: frozenset[str], generic: frozenset[str]) -> Titles:
    """Kept, so that turns over the same names share what was read with them."""
    names = [plain(name) for name in known | shown]
    keys = frozenset(frozenset(_stems(name)) - generic for name in names)
    # Without the catalogue nobody can tell whether a shortened name is another product's: a phantom twin of every
    # name makes each shortened one ambiguous.
    twins = frozenset() if known else frozenset(key | {"\x00"} for key in keys)
    return Titles(
        keys | twins,
        frozenset(_family(name) for name in names) - {""},
        frozenset(word for name in names for word in _stems(name)) | generic,
        generic,
    )


def _name(passage: Passage) -> str:
    return passage.attributes.get("name") or passage.title


def find_mentions(text: str, titles: Titles) -> tuple[Found, ...]:
    """Product names in a text: runs of title words around a capitalised family name, with the number that follows.

    A run that is no known name ("Tarn 9") is found too: its value then names nothing. A family name alone is left to
    be read as a name.
    """
    words = list(_WORD.finditer(text))
    found = []
    at = 0
    while at < len(words):
        end = at
        while end < len(words) and _belongs(text, words, at, end, titles):
            end += 1
        run = words[at:end]
        stems = [_stem(word.group()) for word in run]
        opens = [n for n, (word, s) in enumerate(zip(run, stems, strict=True)) if s in titles.families and _named(word)]
        key = frozenset(stems) - titles.generic
        if opens and len(key) > 1 and any(key <= known or _numbered(run[opens[0] + 1 :]) for known in titles.keys):
            start, stop = run[0].start(), run[-1].end()
            found.append(Found("product", text[start:stop], " ".join(sorted(key)), start, stop))
        at = max(end, at + 1)
    return tuple(found)


def _belongs(text: str, words: Sequence[re.Match[str]], first: int, at: int, titles: Titles) -> bool:
    if at > first and text[words[at - 1].end() : words[at].start()].strip(" "):
        return False
    word = words[at].group()
    if _stem(word) in titles.vocabulary:
        return not word[0].isdigit() or at > first
    if at == first:
        return False
    if len(word) <= 4 and word.isupper():
        return True  # "Glim 400 R" is not the Glim 400.
    return word[0].isdigit() and _stem(words[at - 1].group()) in titles.families


def _numbered(rest: Sequence[re.Match[str]]) -> bool:
    return bool(rest) and rest[0].group()[0].isdigit()


def _named(word: re.Match[str]) -> bool:
    return word.group()[0].isupper()


def _stem(word: str) -> str:
    return stem(word)


def _stems(name: str) -> list[str]:
    return [_stem(word) for word in _WORD.findall(name)]


def _family(name: str) -> str:
    return next((word for word in _stems(name) if word not in _GENDER and not word[0].isdigit()), "")
