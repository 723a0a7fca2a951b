"""Learns a head from examples: the regression, its temperature, and what being in scope looks like."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.understanding.calibration import FOREIGN, INSIDE, NOVEL, HeldOut, Labels, best_temperature, learn_scope
from bot.understanding.head import Floats, Head, centred, gather_evidence, is_out_of_scope, nearest, softmax
from bot.understanding.lbfgs import minimise
from bot.understanding.ngrams import Counts, NgramWeights, count, weigh

PENALTY = 0.1
"""L2 penalty of the regression (1 / C)."""

_WORDY, _VAGUE = 0.8, 0.3
"""Lengths of each block of n-grams beside an encoding of length 1. Words tell more the more examples there are: few
take the short one, many the long one, and in between cross-validation chooses."""

_FEW = 12
"""Up to so many examples an intent, cross-validation is too noisy to choose by."""

_NEARNESS = 5.0
"""What the nearest example's cosine adds to its intent's logit where examples are few. With 5 and 10 examples an intent
drawn from BANKING77's train half, measured on the rest of it, this brings half a point; with 30 it costs points."""

_LARGE = 3000
"""From this many examples on, n-grams that occur once are forgotten and fewer folds are enough."""

_RESEMBLES = 0.5
"""Cosine of centred vectors from which a line of `ELSEWHERE` is something that this shop has an intent for."""

_STEPS = 300
"""L-BFGS steps at most; the loss moves in its fourth digit by then."""

_PARAPHRASE = 0.6
"""Cosine of centred vectors from which two examples of an intent count as saying the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """What there is to learn from: texts with their encodings, and each one's intent."""

    texts: Sequence[str]
    vectors: Floats
    labels: Labels
    """Index into ``intents``."""
    intents: tuple[str, ...]
    names: Floats
    """Encodings of the intents' names, shape (intents, dimensions)."""
    strangers: Sequence[str] = ()
    """Texts from `ELSEWHERE`, in what the encoder can read."""
    stranger_vectors: Floats = field(default_factory=lambda: np.empty((0, 0), np.float32))


def spoken_name(intent: str) -> str:
    """An intent's name as words: ``faq/ask_return-time`` is "ask return time"."""
    return " ".join(intent.rpartition("/")[2].replace("_", " ").replace("-", " ").lower().split())


def learn(lessons: Lessons, encoder: str, fingerprint: str, penalty: float = PENALTY, seed: int = 0) -> Head:
    """Fit a head on all ``lessons``; folds that hold out examples and whole intents calibrate it.

    Needs at least two intents. Takes seconds for 1,000 examples, and under a minute for 15,000.
    """
    lessons, centre = _centre(_with_names(lessons))
    counted = [count(text) for text in lessons.texts]
    tried = [(choice, _cross_validate(lessons, counted, penalty, *choice, seed)) for choice in _choices(lessons)]
    (scale, nearness), held_out = max(tried, key=lambda pair: pair[1].accuracy())
    fitted = _fit(lessons, counted, np.arange(len(lessons.labels)), penalty, scale)
    outside = _outside(lessons.intents)[lessons.labels]
    return Head(
        intents=lessons.intents,
        encoder=encoder,
        centre=centre,
        dense=fitted.dense,
        sparse=fitted.sparse.astype(np.float16),
        bias=fitted.bias,
        ngrams=fitted.ngrams,
        examples=lessons.vectors[~outside],
        counterexamples=lessons.vectors[outside],
        owners=np.concatenate([lessons.labels[~outside], lessons.labels[outside]]),
        nearness=nearness,
        temperature=best_temperature(held_out),
        scope=learn_scope(held_out),
        fingerprint=fingerprint,
    )


def _choices(lessons: Lessons) -> list[tuple[float, float]]:
    """The lengths of n-grams and the nearnesses to try."""
    if len(lessons.labels) >= _LARGE:
        return [(_WORDY, 0.0)]
    if len(lessons.labels) <= (_FEW + 1) * len(lessons.intents):  # An intent's name is one of its examples by now.
        return [(_VAGUE, _NEARNESS)]
    return [(_WORDY, 0.0), (_VAGUE, 0.0)]


def _outside(intents: Sequence[str]) -> npt.NDArray[np.bool_]:
    return np.array([is_out_of_scope(intent) for intent in intents])


def _with_names(lessons: Lessons) -> Lessons:
    """Each intent's name is one more example: the cheapest win where examples are few."""
    named = np.flatnonzero(~_outside(lessons.intents))
    return replace(
        lessons,
        texts=[*lessons.texts, *(spoken_name(lessons.intents[at]) for at in named)],
        vectors=np.concatenate([lessons.vectors, lessons.names[named]]).astype(np.float32),
        labels=np.concatenate([lessons.labels, named]),
    )


def _centre(lessons: Lessons) -> tuple[Lessons, Floats]:
    """Everything as seen from the examples' mean, and that mean; strangers who resemble an example leave."""
    centre = lessons.vectors.mean(axis=0)
    vectors = centred(lessons.vectors, centre)
    if not len(lessons.strangers):
        return replace(lessons, vectors=vectors, stranger_vectors=vectors[:0]), centre
    strangers = centred(lessons.stranger_vectors, centre)
    inside = vectors[~_outside(lessons.intents)[lessons.labels]]
    strange = (strangers @ inside.T).max(axis=1) < _RESEMBLES
    kept = [text for text, stays in zip(lessons.strangers, strange, strict=True) if stays]
    return replace(lessons, vectors=vectors, strangers=kept, stranger_vectors=strangers[strange]), centre


# ── The regression ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    dense: Floats
    sparse: Floats
    bias: Floats
    ngrams: NgramWeights

    def logits(self, counted: Sequence[Counts], vectors: Floats) -> tuple[Floats, Floats]:
        matrix, known = _sparse_rows(counted, self.ngrams)
        return np.asarray(vectors @ self.dense + matrix @ self.sparse + self.bias), known


def _fit(lessons: Lessons, counted: Sequence[Counts], rows: Labels, penalty: float, scale: float) -> _Fitted:
    chosen = [counted[row] for row in rows]
    ngrams = weigh(chosen, scale, least=2 if len(lessons.labels) >= _LARGE else 1)
    matrix, _ = _sparse_rows(chosen, ngrams)
    vectors = lessons.vectors[rows]
    weights = _regress(vectors, matrix, lessons.labels[rows], len(lessons.intents), penalty)
    dimensions = vectors.shape[1]
    return _Fitted(weights[:dimensions], weights[dimensions:-1], weights[-1], ngrams)


def _sparse_rows(counted: Sequence[Counts], ngrams: NgramWeights) -> tuple[Any, Floats]:
    from scipy.sparse import csr_matrix

    rows = [ngrams.row(counts) for counts in counted]
    ends = np.cumsum([0, *(len(columns) for columns, _, _ in rows)])
    columns = np.concatenate([row[0] for row in rows])
    values = np.concatenate([row[1] for row in rows])
    matrix = csr_matrix((values, columns, ends), shape=(len(rows), len(ngrams.columns)))
    return matrix, np.array([row[2] for row in rows], np.float32)


def _regress(dense: Floats, sparse: Any, labels: Labels, intents: int, penalty: float) -> Floats:
    """Minimise cross-entropy + penalty/2 · ‖W‖²; the bias goes free. Shape (dimensions + columns + 1, intents)."""
    n, dimensions = dense.shape
    transposed = sparse.T.tocsr()
    truth = np.arange(n), labels

    def loss(weights: Floats) -> tuple[float, Floats]:
        logits = dense @ weights[:dimensions] + sparse @ weights[dimensions:-1] + weights[-1]
        probabilities = softmax(logits)
        cost = -float(np.log(np.maximum(probabilities[truth], 1e-12)).sum(dtype=np.float64))
        probabilities[truth] -= 1
        gradient = weights * np.float32(penalty)
        gradient[-1] = 0
        cost += 0.5 * float(gradient.ravel() @ weights.ravel())
        gradient[:dimensions] += dense.T @ probabilities
        gradient[dimensions:-1] += transposed @ probabilities
        gradient[-1] += probabilities.sum(axis=0)
        # Per example, so that the first step and the stopping rule mean the same for 100 and for 15,000 of them.
        return cost / n, gradient / np.float32(n)

    start = np.zeros((dimensions + sparse.shape[1] + 1, intents), np.float32)
    return minimise(loss, start, steps=_STEPS, tolerance=1e-6)


# ── Calibration ───────────────────────────────────────────────────────────────────────────────────


def _cross_validate(
    lessons: Lessons, counted: Sequence[Counts], penalty: float, scale: float, nearness: float, seed: int
) -> HeldOut:
    """Hold out a share of the examples and, as what is out of scope, all examples of a share of the intents."""
    draw = np.random.default_rng(seed)
    folds = 3 if len(lessons.labels) >= _LARGE else 5
    fold = _split(lessons, folds, draw)
    outside = _outside(lessons.intents)
    # Names are examples only for learning: nobody types them.
    real = np.arange(len(fold)) < len(fold) - int((~outside).sum())
    held = draw.permutation(len(outside)) % folds
    held[outside] = -1
    if (~outside).sum() < 2 * folds:
        held[:] = -1
    strangers = [count(text) for text in lessons.strangers]
    parts = []
    for number in range(folds):
        novel = (held == number)[lessons.labels]
        learnt = np.flatnonzero((fold != number) & ~novel)
        tested = np.flatnonzero(real & ((fold == number) | novel))
        fitted = _fit(lessons, counted, learnt, penalty, scale)
        fitted.bias[held == number] = -1e9
        known, unknown = (lessons.vectors[learnt[outside[lessons.labels[learnt]] == side]] for side in (False, True))
        logits, shares = fitted.logits(
            [*(counted[int(row)] for row in tested), *strangers],
            vectors := np.concatenate([lessons.vectors[tested], lessons.stranger_vectors]),
        )
        if nearness:
            near = nearest(vectors @ lessons.vectors[learnt].T, lessons.labels[learnt], len(lessons.intents))
            logits += np.float32(nearness) * near
        foreign = outside[lessons.labels[tested]]
        kind = np.where(novel[tested], NOVEL, np.where(foreign, FOREIGN, INSIDE))
        answerable = np.flatnonzero(~novel[tested])
        parts.append(
            HeldOut(
                logits[answerable],
                lessons.labels[tested][answerable],
                gather_evidence(logits, shares, vectors @ known.T, vectors @ unknown.T, lessons.intents),
                np.concatenate([kind, np.full(len(strangers), FOREIGN)]),
            )
        )
    return HeldOut(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("logits", "labels", "evidence", "kind"))
    )


def _split(lessons: Lessons, folds: int, draw: np.random.Generator) -> Labels:
    """The fold of each example. Paraphrases of one another share a fold: who writes training data writes variations,
    and a head that has seen one of them is surer of the others than it will be of any shopper."""
    fold = np.empty(len(lessons.labels), np.intp)
    for label in np.unique(lessons.labels):
        members = draw.permutation(np.flatnonzero(lessons.labels == label))
        groups = _groups(lessons.vectors[members])
        if len(set(groups)) < folds:
            groups = list(range(len(members)))
        turn = draw.permutation(folds)
        fold[members] = turn[np.array(groups) % folds]
    return fold


def _groups(vectors: Floats) -> list[int]:
    """A number for each vector, the same for those that are close to the group's first one (leader clustering)."""
    leaders: list[int] = []
    groups = []
    similarity = vectors @ vectors.T
    for row in range(len(vectors)):
        near = [at for at, leader in enumerate(leaders) if similarity[row, leader] >= _PARAPHRASE]
        groups.append(near[0] if near else len(leaders))
        if not near:
            leaders.append(row)
    return groups
