"""BM25 over an inverted index of NumPy arrays: what a query's very words find.

Scores are computed when the index is built (as BM25S does, Lu 2024), so that a search only adds up posting lists.
The arrays lie in memory-mapped files; bm25s itself imports SciPy, which would cost the server 0.2 s and 30 MB.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bot.retrieval.words import words_of

K1 = 1.2
B = 0.75
"""Robertson's own values; they were not tuned here."""

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """An inverted index of n documents."""

    vocabulary: Mapping[str, int]
    begins: npt.NDArray[np.int64]
    """Where each word's postings begin, shape (words + 1,)."""
    documents: npt.NDArray[np.int32]
    weights: Scores
    """A posting's share of the word's idf, without the constant k1 + 1 (as Lucene and BM25S do): in [0, 1)."""
    idf: Scores
    size: int
    """n."""

    def weigh(self, query: str) -> dict[str, float]:
        """The words of a query with their idf, repetitions added up.

        A word that no document has counts with the highest idf: it is what the shopper asked and nobody answered.
        """
        unknown = rarity(0, self.size)
        weights: dict[str, float] = {}
        for word, times in Counter(words_of(query)).items():
            at = self.vocabulary.get(word)
            weights[word] = times * (unknown if at is None else float(self.idf[at]))
        return weights

    def scores(self, weights: Mapping[str, float]) -> Scores:
        """BM25 of every document ÷ the sum of the query's idf, from ``weigh``: in [0, 1), shape (n,)."""
        scores = np.zeros(self.size, dtype=np.float32)
        total = sum(weights.values())
        for word, weight in weights.items():
            at = self.vocabulary.get(word)
            if at is not None:
                postings = slice(int(self.begins[at]), int(self.begins[at + 1]))
                # Documents are unique within a posting list, so plain fancy indexing adds right.
                scores[self.documents[postings]] += self.weights[postings] * np.float32(weight / total)
        return scores

    def cover(self, weights: Mapping[str, float], begin: int, end: int, without: int = -1) -> float:
        """The share of a query's idf whose words stand in the documents ``begin`` to ``end``, in [0, 1]."""
        total = sum(weights.values())
        held = sum(weight for word, weight in weights.items() if self._holds(word, begin, end, without))
        return held / total if total else 0.0

    def count(self, word: str, begin: int, end: int) -> int:
        """How many of the documents ``begin`` to ``end`` hold a word."""
        first, last = self._between(word, begin, end)
        return last - first

    def _holds(self, word: str, begin: int, end: int, without: int) -> bool:
        first, last = self._between(word, begin, end)
        return last - first > 1 or (last - first == 1 and int(self.documents[first]) != without)

    def _between(self, word: str, begin: int, end: int) -> tuple[int, int]:
        """Where the documents ``begin`` to ``end`` stand among the postings of a word, which are in their order."""
        at = self.vocabulary.get(word)
        if at is None:
            return 0, 0
        # A search asks this some fifty times, and bisecting the bare memory takes a third of what NumPy's call takes.
        documents, stop = self.documents.data, int(self.begins[at + 1])
        first = bisect_left(documents, begin, int(self.begins[at]), stop)
        return first, bisect_left(documents, end, first, stop)


def rarity(frequency: int, size: int) -> float:
    """The idf of a word in ``frequency`` of ``size`` documents, never negative (Lucene's form)."""
    return math.log(1 + (size - frequency + 0.5) / (frequency + 0.5))


def build_lexicon(texts: Sequence[str]) -> Lexicon:
    """Index texts; a document's number is its place."""
    vocabulary: dict[str, int] = {}
    terms: list[int] = []
    documents: list[int] = []
    times: list[int] = []
    lengths = np.zeros(len(texts), dtype=np.float32)
    for document, text in enumerate(texts):
        counted = Counter(words_of(text))
        lengths[document] = counted.total()
        for word, count in counted.items():
            terms.append(vocabulary.setdefault(word, len(vocabulary)))
            documents.append(document)
            times.append(count)
    term = np.asarray(terms, dtype=np.int64)
    order = np.argsort(term, kind="stable")
    found = np.asarray(documents, dtype=np.int32)[order]
    count_ = np.asarray(times, dtype=np.float32)[order]
    frequency = np.bincount(term, minlength=len(vocabulary)) if len(term) else np.zeros(0, dtype=np.int64)
    begins = np.concatenate([[0], np.cumsum(frequency)]).astype(np.int64)
    average = float(lengths.mean()) if len(texts) else 1.0
    damp = np.float32(K1) * (1 - B + B * lengths[found] / max(average, 1e-9)) if len(term) else np.zeros(0, np.float32)
    return Lexicon(
        vocabulary=vocabulary,
        begins=begins,
        documents=found,
        weights=(count_ / (count_ + damp)).astype(np.float32),
        idf=np.asarray([rarity(int(f), len(texts)) for f in frequency], dtype=np.float32),
        size=len(texts),
    )
