"""How good a ranking is: recall, reciprocal rank, nDCG, and how well two groups of chances are told apart."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

DEEP = 10
"""Ranks that are looked at."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Means over the queries that have anything relevant; all in [0, 1]."""

    recall_1: float
    recall_5: float
    """Queries with a relevant hit among the first five."""
    mrr: float
    ndcg: float
    """With gains 2^grade - 1, over the first ten (Järvelin & Kekäläinen 2002)."""

    @classmethod
    def of(cls, ranked: Iterable[Sequence[str]], relevant: Iterable[Mapping[str, int]]) -> "Ranking":
        """Judge rankings of ids by the grade of each relevant id, 1 or more; the highest grade counts as relevant."""
        rows = []
        for hits, grades in zip(ranked, relevant, strict=True):
            if grades:
                best = max(grades.values())
                first = next((at for at, hit in enumerate(hits[:DEEP]) if grades.get(hit, 0) == best), None)
                rank = math.inf if first is None else first
                rows.append((rank < 1, rank < 5, 1 / (rank + 1), ndcg(hits, grades)))
        return cls(*(float(mean) for mean in np.mean(np.asarray(rows, dtype=float), axis=0)))

    def figures(self, name: str) -> dict[str, float]:
        """The four figures by name."""
        return {
            f"{name} recall@1": self.recall_1,
            f"{name} recall@5": self.recall_5,
            f"{name} MRR@{DEEP}": self.mrr,
            f"{name} nDCG@{DEEP}": self.ndcg,
        }


def ndcg(hits: Sequence[str], grades: Mapping[str, int]) -> float:
    """Discounted gain of the first ten hits over the best there could be."""
    gained: float = sum((2 ** grades.get(hit, 0) - 1) / math.log2(at + 2) for at, hit in enumerate(hits[:DEEP]))
    best = sorted(grades.values(), reverse=True)[:DEEP]
    ideal: float = sum((2**grade - 1) / math.log2(at + 2) for at, grade in enumerate(best))
    return gained / ideal


def auroc(higher: Sequence[float], lower: Sequence[float]) -> float:
    """The chance that one of ``higher`` is above one of ``lower``; ties count half."""
    low = np.sort(np.asarray(lower))
    above = np.searchsorted(low, higher, side="left") + np.searchsorted(low, higher, side="right")
    return float(above.mean() / (2 * len(low)))
