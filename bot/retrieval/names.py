"""Product names in a shopper's sentence: by SKU, whole, short or slightly misspelt."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.retrieval.lexical import rarity
from bot.retrieval.measures import UNITS
from bot.retrieval.words import stem, words_of

_SHARE = 0.35
"""Of a name's idf: so much must be said before a product is meant. "Tarn 2" says 0.8 of "Tarn 2 Tent"."""
_NEAR = 0.08
"""Products whose shares differ by less are meant together: "Ghyll jacket" is the men's and the women's."""
_MOST = 6
"""More products than this are no longer named but described."""

_NUMBER = 2.0
"""Every number weighs the same, or "Tarn tent" would mean the Tarn whose number is commonest."""


@dataclass(frozen=True, slots=True)
class Proper:
    """What in product names is a name: words, or pairs of neighbours, that the shop's texts never write small.

    "Tarn" and "Moss Foam" are, "tent" is not.
    """

    words: frozenset[str] = frozenset()
    pairs: frozenset[tuple[str, str]] = frozenset()


class Names:
    """An inverted index of product names.

    A product is meant when something proper to its name is said, or all of it.
    """

    def __init__(self, names: Mapping[str, str], proper: Proper, known: Container[str] = frozenset()) -> None:
        """``known`` holds the words that are no misspellings, whatever they resemble."""
        self._skus = {_bare(sku): sku for sku in names}
        self._names = {sku: words_of(name) for sku, name in names.items()}
        self._words = {sku: frozenset(words) for sku, words in self._names.items()}
        frequency = Counter(word for words in self._words.values() for word in words)
        self._idf = {
            word: _NUMBER if word.isdecimal() else rarity(count, len(names)) for word, count in frequency.items()
        }
        self._weight = {sku: math.fsum(self._idf[word] for word in words) for sku, words in self._words.items()}
        self._proper, self._pairs, self._known = proper.words, proper.pairs, known
        self._holders: dict[str, list[str]] = defaultdict(list)
        for sku, words in self._words.items():
            for word in words:
                self._holders[word].append(sku)
        self._near: dict[str, set[str]] = defaultdict(set)
        for word in self._proper:
            for cut in _cuts(word):
                self._near[cut].add(word)

    def read(self, text: str) -> tuple[str, ...]:
        """SKUs that the text names, the best named first; none where it names none."""
        exact = self._exact(text)
        if exact:
            return exact
        said = [self.spelling(word) for word in words_of(text)]
        picked: dict[str, float] = {}
        # Two products may be compared in one question, so each mention picks its own best.
        for mention in self._mentions(said):
            shares = self._shares(mention)
            best = max(shares.values(), default=0.0)
            for sku, share in shares.items():
                if share >= max(_SHARE, best - _NEAR):
                    picked[sku] = max(share, picked.get(sku, 0.0))
        # Of two names that were both said whole, the longer one was meant: every "Tarn 2 Light" says "Tarn 2" too.
        ranked = sorted(picked, key=lambda sku: (-picked[sku], -self._weight[sku], sku))
        return tuple(ranked) if len(ranked) <= _MOST else ()

    def _exact(self, text: str) -> tuple[str, ...]:
        """Products whose SKU stands in the text, written with hyphens, spaces or nothing between its parts."""
        tokens = re.findall(r"[A-Za-z0-9][\w./-]*", text)
        written = [*tokens, *(f"{one}{other}" for one, other in pairwise(tokens))]
        return tuple(dict.fromkeys(sku for token in written if (sku := self._skus.get(_bare(token)))))

    def _shares(self, mention: Sequence[str]) -> dict[str, float]:
        """What share of each product's name was said, of the products whose name it can be."""
        present = set(mention)
        proper = present & self._proper
        pairs = {pair for pair in pairwise(mention) if pair in self._pairs}
        shares = {}
        for sku in {sku for word in present for sku in self._holders.get(word, ())}:
            own = self._words[sku]
            whole = len(own) > 1 and own <= present
            named = proper & own or any(pair in set(pairwise(self._names[sku])) for pair in pairs)
            if (named or whole) and not self._contradicted(own, mention):
                # Exact: plain sums over sets differ from process to process in the last digit, and so does the order.
                shares[sku] = math.fsum(self._idf[word] for word in present & own) / self._weight[sku]
        return shares

    def spelling(self, word: str) -> str:
        """A proper word that was meant where an unknown one was written; the word itself otherwise."""
        if word in self._holders or word in self._known or not word.isascii() or not word.isalpha() or len(word) < 4:
            return word
        candidates = {proper for cut in _cuts(word) for proper in self._near.get(cut, ())}
        near = [
            proper
            for proper in candidates
            # A word of four letters has too many neighbours, unless its letters are just swapped.
            if (len(word) >= 5 or sorted(proper) == sorted(word)) and distance(word, proper) <= 1
        ]
        return near[0] if len(near) == 1 else word

    def _contradicted(self, own: frozenset[str], said: Sequence[str]) -> bool:
        """A number right after a proper word belongs to the name: "Tarn 4" is no product, least of all the Tarn 2."""
        numbers = [
            after for word, after in pairwise(said) if word in self._proper and word in own and after[0].isdigit()
        ]
        return bool(numbers) and not any(number in own for number in numbers)

    def _mentions(self, said: list[str]) -> list[list[str]]:
        """The text cut before each name in it, so that every piece holds one."""
        starts: list[int] = []
        for at, word in enumerate(said):
            proper = word in self._proper or (at + 1 < len(said) and (word, said[at + 1]) in self._pairs)
            # Proper words side by side are one name, and so are those with one word between: "Ghyll 3L Rain".
            if proper and (not starts or at - starts[-1] > 2 or word == said[starts[-1]]):
                starts.append(at)
        if len(starts) < 2:
            return [said]
        # "the women's Corrie 55": what stands just before a name may belong to it.
        return [said[max(0, start - 1) : end] for start, end in zip(starts, [*starts[1:], len(said)], strict=True)]


def distance(a: str, b: str) -> int:
    """Edits between two words; a swap of neighbours is one (optimal string alignment)."""
    rows = [list(range(len(b) + 1))]
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            best = min(rows[-1][j] + 1, row[j - 1] + 1, rows[-1][j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def proper_names(names: Iterable[str], texts: Iterable[str]) -> Proper:
    """Tell the names in product names from plain words, by how the shop's own texts write them."""
    small, small_pairs = _written_small(texts)
    spelt = [words_of(name) for name in names]
    return Proper(
        frozenset(word for words in spelt for word in words if len(word) > 2 and word.isalpha() and word not in small),
        frozenset(
            pair for words in spelt for pair in pairwise(words) if pair not in small_pairs and _names_something(pair)
        ),
    )


def _written_small(texts: Iterable[str]) -> tuple[set[str], set[tuple[str, str]]]:
    """Stems, and pairs of neighbours, that a text writes with small letters."""
    words: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    for text in texts:
        tokens = [stem(token) if token[:1].islower() else "" for token in re.findall(r"[^\W_]+", text)]
        words.update(tokens)
        pairs.update(pairwise(tokens))
    return words - {""}, {pair for pair in pairs if all(pair)}


def _names_something(pair: tuple[str, str]) -> bool:
    """Whether two neighbours can be a name: not "0.75 l", "3 x" or "of 12"."""
    idle = {"x", "of", "for", "with", "and"}
    return not any(word in UNITS or word in idle for word in pair) and any(word.isalpha() for word in pair)


def _cuts(word: str) -> set[str]:
    """A word and what is left of it without one letter: near words share one (Garbe's symmetric deletes)."""
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def _bare(sku: str) -> str:
    return re.sub(r"[^0-9a-z]", "", sku.lower())
