"""When the shop has answered this very question, and when nothing here answers: two calibrated probabilities.

Both are logistic regressions on a few features of a search, fitted when the index is built, to the shop's own FAQ:
a phrasing is left out and asked (it should be found), and its whole entry is left out and asked (nothing should be
found). A prior, fitted to the demo shop, carries shops with few entries.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float64]

_PULL = 0.1
"""Towards the prior: as strong as some ten examples, because a feature's square is about a tenth."""
_STEPS = 25

_NEGATED = re.compile(
    r"\b(?:no|not|never|without|cannot|can't|don't|doesn't|isn't|won't|didn't|nothing|none)\b|[不没无未别]",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")

OFF = 2.0
"""Taken off the log-odds for each way in which the details differ: about a factor of 7."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The weights of one encoder's two decisions; the first of each is the constant."""

    question: tuple[float, ...]
    """Of (1, best cosine with a phrasing, the entry's score by vectors alone, its lead over the next entry's, share of
    the query's idf that the entry holds)."""
    answerable: tuple[float, ...]
    """Of (1, best cosine of all passages, share of the query's idf that the best passages hold)."""

    def asks(self, cosine: float, score: float, lead: float, cover: float, differences: int) -> float:
        """Probability that exactly this FAQ entry's question is asked."""
        return _sigmoid(float(np.dot(self.question, (1.0, cosine, score, lead, cover))) - OFF * differences)

    def answers(self, cosine: float, cover: float) -> float:
        """Probability that anything found answers the query."""
        return _sigmoid(float(np.dot(self.answerable, (1.0, cosine, cover))))


ISOTROPIC = Calibration(question=(-9.0, 5.0, 5.0, 12.0, 2.0), answerable=(-7.0, 9.0, 4.0))
CENTRED = Calibration(question=(-7.0, 4.0, 5.0, 12.0, 2.0), answerable=(-6.0, 9.0, 4.0))
"""The priors, for encoders without and with a centre."""


def differences(query: str, phrasing: str, entry: str) -> int:
    """In how many ways the details of a query differ from an entry that it resembles: numbers, negation.

    ``phrasing`` is the one it resembles most, ``entry`` all that the entry says.
    """
    numbers = {number.replace(",", ".") for number in _NUMBER.findall(query)}
    unknown = numbers - {number.replace(",", ".") for number in _NUMBER.findall(entry)}
    return bool(unknown) + (bool(_NEGATED.search(query)) != bool(_NEGATED.search(phrasing)))


def fit(
    features: Features, labels: Sequence[bool] | npt.NDArray[np.bool_], prior: Sequence[float]
) -> tuple[float, ...]:
    """Logistic regression with a Gaussian prior, by Newton's method.

    ``features`` has shape (examples, weights) and begins with ones.
    """
    truth = np.asarray(labels, dtype=np.float64)
    start = np.asarray(prior, dtype=np.float64)
    if not 0 < truth.sum() < len(truth):
        return tuple(prior)
    used = np.ones(len(start), dtype=np.bool_)
    while True:
        weights = np.zeros(len(start))
        weights[used] = _newton(features[:, used], truth, start[used])
        # A better match never makes an answer less likely, whatever few examples say: such a weight is 0.
        wrong = used & (weights < 0)
        wrong[0] = False
        if not wrong.any():
            return tuple(float(weight) for weight in weights)
        used &= ~wrong


def _newton(features: Features, truth: Features, prior: Features) -> Features:
    def loss(weights: Features) -> float:
        logits = features @ weights
        surprise = np.logaddexp(0, logits) - truth * logits
        return float(surprise.sum() + _PULL / 2 * np.sum((weights - prior) ** 2))

    # From zero, because far from the data every chance is 0 or 1 and the curve is flat.
    weights = np.zeros(len(prior))
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(features @ weights, -30, 30)))
        slope = features.T @ (chance - truth) + _PULL * (weights - prior)
        curve = (features * (chance * (1 - chance))[:, None]).T @ features + _PULL * np.eye(len(prior))
        step = np.linalg.solve(curve, slope)
        size = 1.0
        while size > 1e-4 and loss(weights - size * step) > loss(weights):
            size /= 2
        weights = weights - size * step
        if np.abs(size * step).max() < 1e-6:
            break
    return weights


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-min(max(x, -30.0), 30.0)))
