"""The trained head: turns a text's encoding and n-grams into intents, with calibrated confidence, by numpy alone."""

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from bot.errors import ModelError
from bot.records import Intent
from bot.understanding.ngrams import NgramWeights, count

FORMAT = 2
"""Raise when saved heads of before can no longer be read."""

OUT_OF_SCOPE = frozenset({"out_of_scope", "out-of-scope", "oos", "nlu_fallback", "no_nodes_detected"})
"""Intents, case-folded, whose examples show what the shop does not do."""

NEIGHBOURS = 5
"""Examples whose mean similarity says how familiar a text is."""

Floats = npt.NDArray[np.float32]


def is_out_of_scope(intent: str) -> bool:
    """Whether an intent's name says that it stands for everything else."""
    return intent.casefold() in OUT_OF_SCOPE


@dataclass(frozen=True, slots=True)
class Scope:
    """Turns evidence into the probability that a text is any of the known intents: a logistic function of it."""

    weights: tuple[float, ...]
    bias: float

    def probability(self, evidence: Floats) -> Floats:
        """Of evidence with shape (texts, kinds of evidence), the probability in [0, 1] for each text."""
        score = evidence @ np.array(self.weights, np.float32) + self.bias
        return np.asarray(1 / (1 + np.exp(-np.clip(score, -30, 30))), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A multinomial logistic regression over [centred encoding, n-grams], with what calibrates it."""

    intents: tuple[str, ...]
    encoder: str
    """Name of the encoder whose vectors it reads; vectors of another mean nothing to it."""
    centre: Floats
    """Mean of the training vectors, shape (dimensions,)."""
    dense: Floats
    """Weights of the encoding, shape (dimensions, intents)."""
    sparse: npt.NDArray[np.float16]
    """Weights of the n-grams, shape (columns, intents)."""
    bias: Floats
    ngrams: NgramWeights
    examples: Floats
    """Centred training vectors of what is in scope, shape (examples, dimensions)."""
    counterexamples: Floats
    """Centred training vectors of what the data calls out of scope; often none."""
    owners: npt.NDArray[np.intp]
    """Intent of each example, then of each counterexample, as an index into ``intents``."""
    nearness: float
    """What the nearest example's cosine adds to its intent's logit: where examples are few, more than weights know."""
    temperature: float
    scope: Scope
    fingerprint: str
    """Names the data and the encoder it was learnt from."""

    def read(self, texts: Sequence[str], vectors: Floats) -> list[tuple[tuple[Intent, ...], float]]:
        """Ranked intents and the probability of being in scope, for each text with its vector (texts, dimensions)."""
        vectors = centred(vectors, self.centre)
        # By far the most work here, so it is done once for all that looks at it.
        similarity = vectors @ self.examples.T
        strange = vectors @ self.counterexamples.T
        logits, known = self._logits(texts, vectors, np.concatenate([similarity, strange], axis=1))
        probabilities = softmax(logits / self.temperature)
        in_scope = self.scope.probability(gather_evidence(logits, known, similarity, strange, self.intents))
        return [
            (self._ranked(row), float(scope) if text.strip() else 0.0)
            for text, row, scope in zip(texts, probabilities, in_scope, strict=True)
        ]

    def _logits(self, texts: Sequence[str], vectors: Floats, similarity: Floats) -> tuple[Floats, Floats]:
        """Scores of shape (texts, intents) from centred vectors, and the share of each text's words that is known."""
        logits = vectors @ self.dense + self.bias
        known = np.zeros(len(texts), np.float32)
        for row, text in enumerate(texts):
            columns, values, known[row] = self.ngrams.row(count(text))
            logits[row] += values @ self.sparse[columns].astype(np.float32)
        if self.nearness:
            logits += np.float32(self.nearness) * nearest(similarity, self.owners, len(self.intents))
        return logits, known

    def _ranked(self, probabilities: Floats) -> tuple[Intent, ...]:
        order = np.argsort(-probabilities, kind="stable")
        ranked = zip(order.tolist(), probabilities[order].tolist(), strict=True)
        return tuple(Intent(self.intents[at], round(probability, 4)) for at, probability in ranked)

    def save(self, folder: Path) -> None:
        """Write the head to ``folder``: ``head.json`` and ``head.npz``, each of them whole or not at all.

        The numbers go first: a ``head.json`` always describes numbers that are there.
        """
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        card = {
            "format": FORMAT,
            "fingerprint": self.fingerprint,
            "encoder": self.encoder,
            "intents": self.intents,
            "nearness": self.nearness,
            "temperature": self.temperature,
            "scope": {"weights": self.scope.weights, "bias": self.scope.bias},
            "ngrams": {"unseen": self.ngrams.unseen, "scale": self.ngrams.scale},
        }
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{self.fingerprint}.npz"
        _write_whole(
            folder / stem,
            lambda file: np.savez(file, columns=self.ngrams.columns, idf=self.ngrams.idf, **arrays),
        )
        text = json.dumps(card | {"arrays": stem}, ensure_ascii=False, indent=1)
        _write_whole(folder / CARD, lambda file: file.write(text.encode()))
        for old in folder.glob("*.npz"):
            if old.name != stem:
                old.unlink(missing_ok=True)


CARD = "head.json"
_ARRAYS = ("centre", "dense", "sparse", "bias", "examples", "counterexamples", "owners")


def _write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file beside ``path`` and move it there: readers see the old one or the new one, never a part."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)  # A temporary file is private; what is trained by one user may be served by another.
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def read_card(folder: Path) -> Mapping[str, Any] | None:
    """What a saved head says of itself, or None where there is none that this version can read."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return card if isinstance(card, dict) and card.get("format") == FORMAT else None


def load_head(folder: Path) -> Head:
    """Read a saved head.

    Raises:
        ModelError: there is none, or it is damaged; training makes a new one.
    """
    card = read_card(folder)
    if card is None:
        raise ModelError(f"{folder}: no trained head there. Run `kefu train intents`.")
    try:
        with np.load(folder / card["arrays"], allow_pickle=False) as arrays:
            ngrams = NgramWeights(arrays["columns"], arrays["idf"], **card["ngrams"])
            parts = {name: arrays[name] for name in _ARRAYS}
        return Head(
            intents=tuple(card["intents"]),
            encoder=card["encoder"],
            ngrams=ngrams,
            nearness=card["nearness"],
            temperature=card["temperature"],
            scope=Scope(tuple(card["scope"]["weights"]), card["scope"]["bias"]),
            fingerprint=card["fingerprint"],
            **parts,
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError) as exc:
        raise ModelError(f"{folder}: the trained head is damaged ({exc}). Run `kefu train intents`.") from exc


def centred(vectors: Floats, centre: Floats) -> Floats:
    """``vectors`` seen from ``centre``, each of length 1 again: the cosines of E5 else all lie between 0.7 and 1."""
    moved = vectors - centre
    return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9), np.float32)


def softmax(logits: Floats) -> Floats:
    """Probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), np.float32)


EVIDENCE = ("best intent's logit", "similarity to the nearest examples", "known words", "nearer than counterexamples")


def gather_evidence(
    logits: Floats, known: Floats, similarity: Floats, strange: Floats, intents: Sequence[str]
) -> Floats:
    """What speaks for a text being in scope, shape (texts, len(EVIDENCE)); more is better.

    ``similarity`` and ``strange`` are the cosines to the examples and to the counterexamples, shape (texts, examples).
    Max-logit and mean top-k cosine complete each other (Hendrycks et al. 2022, "Scaling out-of-distribution
    detection"; Sun et al. 2022, "Out-of-distribution detection with deep nearest neighbors").
    """
    inside = _inside(tuple(intents))
    best = logits[:, inside].max(axis=1)
    near = _familiar(similarity)
    away = near - _familiar(strange) if strange.shape[1] else np.zeros_like(near)
    if not inside.all():
        away = away + best / 10 - logits[:, ~inside].max(axis=1) / 10
    return np.stack([best, near, known, away], axis=1).astype(np.float32)


@lru_cache(maxsize=16)
def _inside(intents: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    return np.array([not is_out_of_scope(intent) for intent in intents])


def nearest(similarity: Floats, owners: npt.NDArray[np.intp], intents: int) -> Floats:
    """Best cosine to an example of each intent, shape (texts, intents); 0 where it has none.

    ``similarity`` is that to every example, shape (texts, examples), and ``owners`` the intent of each.
    """
    best = np.full((len(similarity), intents), -np.inf, np.float32)
    for row, cosines in zip(best, similarity, strict=True):  # NumPy has a quick way for one dimension only.
        np.maximum.at(row, owners, cosines)
    return np.where(np.isneginf(best), np.float32(0), best)


def _familiar(similarity: Floats) -> Floats:
    k = min(NEIGHBOURS, similarity.shape[1])
    return np.asarray(np.partition(similarity, -k, axis=1)[:, -k:].mean(axis=1), np.float32)
