"""Learns a head from examples: the regression, its temperature, and what being in scope looks like."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.understanding.head import Floats, Head, Scope, centred, gather_evidence, is_out_of_scope, softmax
from bot.understanding.ngrams import Counts, NgramWeights, count, weigh

PENALTY = 0.1
"""L2 penalty of the regression (1 / C)."""

NGRAM_SCALE = 0.8
"""Length of each block of n-grams beside an encoding of length 1: chosen by cross-validation on the train halves."""

_LARGE = 3000
"""From this many examples on, n-grams that occur once are forgotten and fewer folds are enough."""

_ITERATIONS = 100
"""L-BFGS steps; the loss moves in its fourth digit by then."""

Labels = npt.NDArray[np.intp]


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


def spoken_name(intent: str) -> str:
    """An intent's name as words: ``faq/ask_return-time`` is "ask return time"."""
    return " ".join(intent.rpartition("/")[2].replace("_", " ").replace("-", " ").lower().split())


def learn(lessons: Lessons, encoder: str, fingerprint: str, penalty: float = PENALTY, seed: int = 0) -> Head:
    """Fit a head on all ``lessons``; folds that hold out examples and whole intents calibrate it.

    Needs at least two intents. Takes seconds for 1,000 examples, and under a minute for 15,000.
    """
    lessons, centre = _centre(_with_names(lessons))
    counted = [count(text) for text in lessons.texts]
    fitted = _fit(lessons, counted, np.arange(len(lessons.labels)), penalty)
    held_out = _cross_validate(lessons, counted, penalty, seed)
    outside = np.array([is_out_of_scope(intent) for intent in lessons.intents])[lessons.labels]
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
        temperature=_best_temperature(held_out),
        scope=_learn_scope(held_out),
        fingerprint=fingerprint,
    )


def _with_names(lessons: Lessons) -> Lessons:
    """Each intent's name is one more example: the cheapest win where examples are few."""
    named = [at for at, intent in enumerate(lessons.intents) if not is_out_of_scope(intent)]
    return Lessons(
        [*lessons.texts, *(spoken_name(lessons.intents[at]) for at in named)],
        np.concatenate([lessons.vectors, lessons.names[named]]).astype(np.float32),
        np.concatenate([lessons.labels, np.array(named, np.intp)]),
        lessons.intents,
        lessons.names,
    )


def _centre(lessons: Lessons) -> tuple[Lessons, Floats]:
    centre = lessons.vectors.mean(axis=0)
    return replace(lessons, vectors=centred(lessons.vectors, centre)), centre


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


def _fit(lessons: Lessons, counted: Sequence[Counts], rows: Labels, penalty: float) -> _Fitted:
    chosen = [counted[row] for row in rows]
    ngrams = weigh(chosen, NGRAM_SCALE, least=2 if len(lessons.labels) >= _LARGE else 1)
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
    """Minimise cross-entropy + penalty/2 · ‖W‖², single precision; shape (dimensions + columns + 1, intents)."""
    from scipy.optimize import minimize

    n, dimensions = dense.shape
    shape = (dimensions + sparse.shape[1] + 1, intents)
    transposed = sparse.T.tocsr()
    truth = np.arange(n), labels

    def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        weights = flat.reshape(shape).astype(np.float32)
        logits = dense @ weights[:dimensions] + sparse @ weights[dimensions:-1] + weights[-1]
        probabilities = softmax(logits)
        cost = -float(np.log(np.maximum(probabilities[truth], 1e-12)).sum(dtype=np.float64))
        probabilities[truth] -= 1
        penalised = weights * np.float32(penalty)
        penalised[-1] = 0
        gradient = penalised.copy()
        gradient[:dimensions] += dense.T @ probabilities
        gradient[dimensions:-1] += transposed @ probabilities
        gradient[-1] += probabilities.sum(axis=0)
        cost += 0.5 * float((penalised * weights).sum(dtype=np.float64))
        # Per example, so that the stopping rule means the same for 100 and for 15,000 of them.
        return cost / n, gradient.ravel().astype(np.float64) / n

    start = np.zeros(shape[0] * shape[1])
    options = {"maxiter": _ITERATIONS, "maxcor": 10, "gtol": 1e-6, "ftol": 1e-6}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x.reshape(shape), np.float32)


# ── Calibration ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, eq=False)
class _HeldOut:
    """What heads said of texts that they had not learnt from."""

    logits: Floats
    """Of texts whose intent the head knew, shape (texts, intents); intents that it did not know are at -1e9."""
    labels: Labels
    evidence: Floats
    """Of those in scope and those not."""
    inside: npt.NDArray[np.bool_]
    """Which rows of ``evidence`` are in scope."""


def _cross_validate(lessons: Lessons, counted: Sequence[Counts], penalty: float, seed: int) -> _HeldOut:
    """Hold out a share of the examples and, as what is out of scope, all examples of a share of the intents."""
    draw = np.random.default_rng(seed)
    folds = 3 if len(lessons.labels) >= _LARGE else 5
    fold = _stratified(lessons.labels, folds, draw)
    outside = np.array([is_out_of_scope(intent) for intent in lessons.intents])
    # Names are examples only for learning: nobody types them.
    real = np.arange(len(fold)) < len(fold) - int((~outside).sum())
    unknown = draw.permutation(len(outside)) % folds
    unknown[outside] = -1
    if (~outside).sum() < 2 * folds:
        unknown[:] = -1
    logits, labels, evidence, inside = [], [], [], []
    for number in range(folds):
        novel = (unknown == number)[lessons.labels]
        learnt = np.flatnonzero((fold != number) & ~novel)
        tested = np.flatnonzero(real & ((fold == number) | novel))
        if not len(learnt) or not len(tested):
            continue
        fitted = _fit(lessons, counted, learnt, penalty)
        fitted.bias[unknown == number] = -1e9
        scores, known = fitted.logits([counted[row] for row in tested], lessons.vectors[tested])
        other = outside[lessons.labels]
        gathered = gather_evidence(
            scores,
            known,
            lessons.vectors[tested],
            lessons.vectors[learnt[~other[learnt]]],
            lessons.vectors[learnt[other[learnt]]],
            lessons.intents,
        )
        evidence.append(gathered)
        inside.append(~(novel | other)[tested])
        answerable = ~novel[tested]
        logits.append(scores[answerable])
        labels.append(lessons.labels[tested][answerable])
    return _HeldOut(*(np.concatenate(parts) for parts in (logits, labels, evidence, inside)))


def _stratified(labels: Labels, folds: int, draw: np.random.Generator) -> Labels:
    fold = np.empty(len(labels), np.intp)
    for label in np.unique(labels):
        members = draw.permutation(np.flatnonzero(labels == label))
        fold[members] = (np.arange(len(members)) + draw.integers(folds)) % folds
    return fold


def _best_temperature(held_out: _HeldOut) -> float:
    """The temperature that makes held-out confidences honest (Guo et al. 2017), by golden section on its logarithm."""
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(held_out.labels))

    def surprise(logarithm: float) -> float:
        probabilities = softmax(held_out.logits / np.float32(np.exp(logarithm)))
        return -float(np.log(np.maximum(probabilities[rows, held_out.labels], 1e-9)).mean())

    return float(np.exp(minimize_scalar(surprise, bounds=(-3, 3), method="bounded").x))


def _learn_scope(held_out: _HeldOut) -> Scope:
    """Logistic regression on the evidence, whose weights may not be negative: more evidence never means less scope.

    Both sides weigh the same: how much of a shop's traffic is out of scope, its training data cannot tell.
    """
    from scipy.optimize import minimize

    inside, evidence = held_out.inside, held_out.evidence.astype(np.float64)
    if inside.all() or not inside.any():
        return Scope((0.0,) * evidence.shape[1], 3.0)
    mean, spread = evidence.mean(axis=0), evidence.std(axis=0) + 1e-6
    standard = np.column_stack([(evidence - mean) / spread, np.ones(len(evidence))])
    balance = np.where(inside, 0.5 / inside.sum(), 0.5 / (~inside).sum())
    sign = np.where(inside, 1.0, -1.0)

    def loss(weights: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        margin = sign * (standard @ weights)
        cost = (balance * np.logaddexp(0, -margin)).sum() + 1e-3 * (weights[:-1] ** 2).sum()
        slope = -balance * sign / (1 + np.exp(np.clip(margin, -500, 500)))
        gradient = standard.T @ slope
        gradient[:-1] += 2e-3 * weights[:-1]
        return float(cost), gradient

    bounds = [(0, None)] * evidence.shape[1] + [(None, None)]
    found = minimize(loss, np.zeros(standard.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds).x
    weights = found[:-1] / spread
    return Scope(tuple(float(weight) for weight in weights), float(found[-1] - weights @ mean))
