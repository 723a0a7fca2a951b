"""Vectors of texts, by an encoder or, where the text has not changed, from an earlier version of the index."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.errors import KnowledgeError
from bot.models.encoder import Encoder
from bot.retrieval.index import read_meta
from bot.retrieval.rows import Row

Progress = Callable[[int, int], None]
"""Called with the texts encoded so far and the texts known to need it."""

Matrix = npt.NDArray[np.float32]
Keys = npt.NDArray[np.uint8]

_KEY = 16
"""Bytes of a text's hash: two of a billion texts share one with probability 10^-21."""
_BATCH = 256
"""Texts between two reports."""


class Vectors:
    """Encodes texts, unless an index on disk holds their vectors."""

    def __init__(self, versions: Sequence[Path] = (), report: Progress | None = None) -> None:
        self._versions = versions
        self._report = report
        self.encoded = 0
        self.reused = 0
        self.keys: dict[str, Keys] = {}
        self.raw: dict[str, Matrix] = {}

    def of(self, encoder: Encoder, rows: Sequence[Row]) -> Matrix:
        """Vectors of rows, shape (rows, dimensions)."""
        keys = np.frombuffer(b"".join(_key(row) for row in rows), dtype=np.uint8).reshape(len(rows), _KEY)
        vectors = np.empty((len(rows), encoder.dimensions), dtype=np.float32)
        missing = self._fill(encoder, keys, vectors)
        # The same sentence stands in many a feed: "Care: machine wash".
        first = {keys[at].tobytes(): at for at in reversed(missing)}
        for role in ("query", "passage"):
            places = [at for at in first.values() if rows[at].role == role]
            for start in range(0, len(places), _BATCH):
                batch = places[start : start + _BATCH]
                vectors[batch] = encoder.encode([rows[at].text for at in batch], role=rows[batch[0]].role)
                self.encoded += len(batch)
                if self._report:
                    self._report(self.encoded, self.encoded + len(places) - start - len(batch))
        vectors[missing] = vectors[[first[keys[at].tobytes()] for at in missing]]
        self.reused += len(rows) - len(missing)
        self.keys[encoder.name], self.raw[encoder.name] = keys, vectors
        return vectors

    def _fill(self, encoder: Encoder, keys: Keys, vectors: Matrix) -> list[int]:
        """Copy known vectors; what is left is returned."""
        known: dict[bytes, tuple[Matrix, int]] = {}
        for folder in self._versions:
            try:
                meta = read_meta(folder)
                if encoder.name not in meta.encoders:
                    continue
                number = meta.encoders.index(encoder.name)
                raw = folder / f"raw-{number}.npy"
                stored = np.load(raw if raw.exists() else folder / f"vectors-{number}.npy", mmap_mode="r")
                old = np.load(folder / f"keys-{number}.npy")
            except (OSError, ValueError, KnowledgeError):
                continue  # A version that cannot be read has nothing to give.
            if stored.shape[1] == encoder.dimensions:
                known |= {key.tobytes(): (stored, at) for at, key in enumerate(old)}
        missing = []
        for at, key in enumerate(keys):
            found = known.get(key.tobytes())
            if found is None:
                missing.append(at)
            else:
                vectors[at] = found[0][found[1]]
        return missing


def _key(row: Row) -> bytes:
    return hashlib.blake2b(f"{row.role}\0{row.text}".encode(), digest_size=_KEY).digest()
