"""When the shop has answered this very question, and when nothing here answers: two calibrated probabilities.

Both are logistic regressions on a few features of a search, fitted when the index is built, to the shop's own FAQ:
a phrasing is left out and asked (it should be found), and its whole entry is left out and asked (nothing should be
found). A prior, fitted to the demo shop, carries shops with few entries.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float64]

_PRIOR_WEIGHT = 2.0
"""Pull towards the prior: worth about this many examples on the edge of the decision."""
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
    """Of (1, best cosine with a phrasing, its lead over the next entry, share of the query's idf the entry holds)."""
    answerable: tuple[float, ...]
    """Of (1, best cosine of all passages, share of the query's idf that the best passages hold)."""

    def asks(self, cosine: float, lead: float, cover: float, differences: int) -> float:
        """Probability that exactly this FAQ entry's question is asked."""
        return _sigmoid(float(np.dot(self.question, (1.0, cosine, lead, cover))) - OFF * differences)

    def answers(self, cosine: float, cover: float) -> float:
        """Probability that anything found answers the query."""
        return _sigmoid(float(np.dot(self.answerable, (1.0, cosine, cover))))


ISOTROPIC = Calibration(question=(-9.0, 10.0, 12.0, 3.0), answerable=(-7.0, 9.0, 4.0))
CENTRED = Calibration(question=(-7.0, 9.0, 12.0, 3.0), answerable=(-6.0, 9.0, 4.0))
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
    """Logistic regression with a Gaussian prior, by Newton's method; both classes weigh the same.

    ``features`` has shape (examples, weights) and begins with ones.
    """
    truth = np.asarray(labels, dtype=np.float64)
    if not 0 < truth.sum() < len(truth):
        return tuple(prior)
    weigh = np.where(truth == 1, 0.5 / truth.mean(), 0.5 / (1 - truth.mean()))
    start = np.asarray(prior, dtype=np.float64)
    weights = start.copy()
    pull = _PRIOR_WEIGHT * np.eye(len(start)) * 0.05
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(features @ weights, -30, 30)))
        slope = features.T @ (weigh * (chance - truth)) + pull @ (weights - start)
        curve = (features * (weigh * chance * (1 - chance))[:, None]).T @ features + pull
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-6:
            break
    # A better match never makes an answer less likely, whatever few examples say.
    weights[1:] = np.maximum(weights[1:], 0.0)
    return tuple(float(weight) for weight in weights)


def _sigmoid(x: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(x, -30, 30))))
