"""Vectors of one encoder, and the nearest of them to a query: exact while that is quick, a graph beyond."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.records import Vector

EXACT = 25_000
"""Vectors that one matrix product still searches in 2 to 3 milliseconds; above, HNSW takes 0.3 ms, at 100,000 too."""

_ANISOTROPIC = 0.25
"""Squared length of the mean vector. all-MiniLM's is 0.05; E5's is 0.7: all its cosines lie between 0.7 and 1 until
the mean is taken off (Mu & Viswanath 2018), and cannot be added to anything before."""

_SPOKEN = 20
"""Vectors from which on a language's mean is its own, and not that of the few things said in it."""

Matrix = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """The vectors of one encoder."""

    encoder: str
    vectors: Matrix
    """Shape (n, dimensions), centred and of length 1; may be a memory map."""
    rows: Positions
    """The index row of each vector, rising; shape (n,)."""
    centres: Mapping[str, Vector]
    """What was taken off the vectors of each language, and is taken off a query in it; ``""`` for all others."""
    graph: Any = None
    """usearch index over the vectors, above ``EXACT``."""

    def centred(self, query: Vector, language: str) -> Vector:
        """A query as it is compared here."""
        moved: Vector = centre(query[None], self.centres.get(language, self.centres[""]))[0]
        return moved

    def nearest(self, query: Vector, count: int) -> tuple[Positions, Matrix | None]:
        """Positions of about the ``count`` nearest vectors, and every cosine where all were computed."""
        if self.graph is not None:
            return np.asarray(self.graph.search(query, count).keys, dtype=np.int64), None
        cosines: Matrix = self.vectors @ query
        return top(cosines, count), cosines

    def cosines(self, query: Vector, positions: Positions) -> Matrix:
        """Exact cosines of some vectors."""
        found: Matrix = np.asarray(self.vectors[positions]) @ query
        return found

    def positions(self, rows: Positions) -> tuple[Positions, npt.NDArray[np.bool_]]:
        """Where the vectors of rows lie, and which of the rows have one."""
        if not len(self.rows):
            return np.zeros_like(rows), np.zeros(len(rows), dtype=np.bool_)
        at = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return at, self.rows[at] == rows


def top(scores: npt.NDArray[np.float32], count: int) -> Positions:
    """Positions of the highest scores, unordered."""
    if len(scores) <= count:
        return np.arange(len(scores))
    return np.argpartition(scores, len(scores) - count)[-count:]


def centres_of(vectors: Matrix, locales: npt.NDArray[np.str_]) -> dict[str, Vector]:
    """The mean of each language's vectors, where all vectors point one way; zero where they do not.

    In a multilingual space each language lies around a mean of its own, so that any two Chinese texts are nearer to
    each other than to English ones; without the means they are compared by what they say (Libovický et al. 2020).
    In the demo shop that lifts the English answer to a Chinese question from rank 120 to rank 1.
    """
    if not len(vectors):
        return {"": np.zeros(vectors.shape[1], np.float32)}
    mean: Vector = vectors.mean(axis=0, dtype=np.float32)
    if float(mean @ mean) < _ANISOTROPIC:
        return {"": np.zeros_like(mean)}
    spoken, counts = np.unique(locales, return_counts=True)
    own = {
        str(locale): vectors[locales == locale].mean(axis=0, dtype=np.float32)
        for locale, count in zip(spoken, counts, strict=True)
        if count >= _SPOKEN
    }
    return {"": mean} | own


def centre(vectors: Matrix, mean: Matrix) -> Matrix:
    """Vectors without a mean, one for all or one each, of length 1 again."""
    if not mean.any():
        return vectors
    moved = vectors - mean
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    return (moved / np.where(lengths == 0, 1, lengths)).astype(np.float32)


def build_graph(vectors: Matrix, path: Path) -> None:
    """Write an HNSW graph over the vectors in half precision."""
    from usearch.index import Index

    graph = Index(ndim=vectors.shape[1], metric="ip", dtype="f16", connectivity=16, expansion_add=96)
    graph.add(np.arange(len(vectors)), vectors)
    graph.save(str(path))


def open_graph(path: Path) -> Any:
    """A graph of ``build_graph``, mapped from its file instead of read."""
    from usearch.index import Index

    # 64 of the default's 64 neighbours are looked at: recall@50 0.97 on normalised sentence vectors.
    return Index.restore(str(path), view=True)
