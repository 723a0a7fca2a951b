"""Word and character n-grams of a text as a few hashed, weighted columns: what an encoder blurs, they keep sharp."""

import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

WORDS, CHARACTERS = 0, 1
"""The two blocks of n-grams; each is normalised by itself."""

_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W_]+(?:'[^\W_]+)?")
_LENGTHS = (2, 3, 4)
_LONGEST_WORD = 40
"""Characters of a word that are read; longer "words" are links and noise."""

_MOST_WORDS = 256
"""Words of a text that are read, so that a hostile message stays cheap."""

Counts = tuple[Counter[int], Counter[int]]
"""How often each hashed n-gram occurs: of words, of characters."""


def count(text: str) -> Counts:
    """Count the 1- and 2-grams of words (a Chinese character is a word) and the 2- to 4-grams of characters."""
    tokens = [token[:_LONGEST_WORD] for token in _TOKEN.findall(text.lower())[:_MOST_WORDS]]
    words = Counter(_hashed(f"w{token}") for token in tokens)
    words.update(_hashed(f"w{left} {right}") for left, right in pairwise(tokens))
    characters: Counter[int] = Counter()
    for chunk in _chunks(tokens):
        for length in _LENGTHS:
            characters.update(_hashed(f"c{chunk[at : at + length]}") for at in range(len(chunk) - length + 1))
    return words, characters


def _chunks(tokens: Sequence[str]) -> list[str]:
    """Words with a space on either side; a run of Chinese characters stays one piece."""
    joined = "".join(token if len(token) == 1 and "\u3400" <= token <= "\u9fff" else f" {token} " for token in tokens)
    return [f" {chunk} " for chunk in joined.split()]


def _hashed(gram: str) -> int:
    """A column of 2 ** 32: with the some 50,000 n-grams of a shop, one pair in three shops collides."""
    return zlib.crc32(gram.encode())


@dataclass(frozen=True, slots=True, eq=False)
class NgramWeights:
    """The n-grams that training saw, and what each is worth (inverse document frequency)."""

    columns: npt.NDArray[np.uint32]
    """Hashes, sorted; an n-gram's position here is its column."""
    idf: npt.NDArray[np.float32]
    """Shape (columns,)."""
    unseen: float
    """Inverse document frequency of an n-gram that training never saw."""
    scale: float
    """Length of each block, against the length 1 of the encoding beside it."""

    def row(self, counts: Counts) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32], float]:
        """Columns and values of one text, and which share of its words (by idf) training knows, in [0, 1]."""
        positions, values = [], []
        known = 1.0
        for block, counted in enumerate(counts):
            at, value, share = self._block(counted)
            positions.append(at)
            values.append(value)
            if block == WORDS:
                known = share
        return np.concatenate(positions), np.concatenate(values), known

    def _block(self, counted: Counter[int]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32], float]:
        if not counted or not len(self.columns):
            return np.empty(0, np.intp), np.empty(0, np.float32), 0.0
        hashes = np.fromiter(counted.keys(), np.uint32, len(counted))
        times = np.fromiter(counted.values(), np.float32, len(counted))
        at = np.minimum(np.searchsorted(self.columns, hashes), len(self.columns) - 1)
        seen = self.columns[at] == hashes
        # Sublinear: a word said twice is not twice as telling.
        value = (1 + np.log(times[seen])) * self.idf[at[seen]]
        length = float(np.linalg.norm(value))
        mass = float(self.idf[at[seen]].sum())
        share = mass / (mass + self.unseen * float((~seen).sum()))
        scaled = (value * (self.scale / length)).astype(np.float32) if length else value.astype(np.float32)
        return at[seen], scaled, share


def weigh(counted: Sequence[Counts], scale: float, least: int) -> NgramWeights:
    """Learn the weights from the texts of a training set; n-grams in fewer than ``least`` texts are forgotten."""
    texts: Counter[int] = Counter()
    for blocks in counted:
        for block in blocks:
            texts.update(block.keys())
    kept = sorted(column for column, times in texts.items() if times >= least)
    n = len(counted)
    idf = [math.log((1 + n) / (1 + texts[column])) + 1 for column in kept]
    return NgramWeights(np.array(kept, np.uint32), np.array(idf, np.float32), unseen=math.log(1 + n) + 1, scale=scale)
