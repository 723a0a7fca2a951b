"""How well scores tell supported sentences from others: area under the curve, calibration, threshold. Pure."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from bot.grounding.words import tokens


def auroc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """Probability that a positive has a higher score than a negative; ties count half. NaN without one of either."""
    values, truth = np.asarray(scores, dtype=float), np.asarray(labels, dtype=bool)
    positives, negatives = np.sort(values[truth]), np.sort(values[~truth])
    below = np.searchsorted(negatives, positives, "left") + np.searchsorted(negatives, positives, "right")
    return float(below.sum() / 2 / (len(positives) * len(negatives))) if below.size and negatives.size else float("nan")


def overlap(reply: str, source: str) -> float:
    """Share of the reply's words that stand in the source: what a classifier has to be better than."""
    said = {token.low for token in tokens(reply) if token.is_word}
    return len(said & {token.low for token in tokens(source)}) / max(1, len(said))


def platt(logits: Sequence[float], labels: Sequence[bool]) -> tuple[float, float]:
    """Slope and offset that make probabilities of logits (Platt 1999), as if half of all were supported.

    Every label is given the weight of one half: how many false sentences were written is no property of a shop.
    """
    values, truth = np.asarray(logits, dtype=float), np.asarray(labels, dtype=bool)
    weights = np.where(truth, 0.5 / max(1, truth.sum()), 0.5 / max(1, (~truth).sum()))

    def loss(at: npt.NDArray[np.float64]) -> float:
        chance = at[0] * values + at[1]
        return float((weights * (np.logaddexp(0, chance) - truth * chance)).sum())

    found = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-9})
    return float(found.x[0]), float(found.x[1])


def calibration_error(probabilities: Sequence[float], labels: Sequence[bool], bins: int = 10) -> float:
    """Expected calibration error over bins of equal width, both labels weighted as in `platt`."""
    values, truth = np.asarray(probabilities, dtype=float), np.asarray(labels, dtype=bool)
    weights = np.where(truth, 0.5 / max(1, truth.sum()), 0.5 / max(1, (~truth).sum()))
    at = np.minimum((values * bins).astype(int), bins - 1)
    gaps = [(weights * (values - truth))[at == one].sum() for one in range(bins)]
    return float(np.abs(gaps).sum())


def threshold(probabilities: Sequence[float], cost: float, most: float = 0.5) -> float:
    """The highest threshold, up to ``most``, below which at most the share ``cost`` of true sentences falls."""
    ordered = sorted(probabilities)
    lost = int(cost * len(ordered))
    return min(most, ordered[lost]) if ordered else most
