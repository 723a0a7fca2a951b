"""Makes a head's scores honest: a temperature for its confidence, and a scale for being in scope."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bot.understanding.head import Floats, Scope, softmax

Labels = npt.NDArray[np.intp]

INSIDE, NOVEL, FOREIGN = 0, 1, 2
"""In scope; of an intent that was held out whole; a counterexample of the shop or a line of `ELSEWHERE`."""

_FAR = 0.95
"""Share of `ELSEWHERE` and the shop's own counterexamples in what is taken as out of scope; held-out intents are the
rest. Most strangers are far away, and the near ones alone would make every unusual phrasing a stranger. On CLINC150's
valid half, shares of 0.8, 0.95 and 0.995 give balanced accuracies of 0.948, 0.956 and 0.953."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """What heads said of texts that they had not learnt from."""

    logits: Floats
    """Of texts whose intent the head knew, shape (texts, intents); intents that it did not know are at -1e9."""
    labels: Labels
    evidence: Floats
    """Of the same and of strangers, shape (more texts, kinds of evidence)."""
    kind: Labels
    """What each row of ``evidence`` is: `INSIDE`, `NOVEL` or `FOREIGN`."""

    def accuracy(self) -> float:
        """Share of right answers among the known."""
        return float((self.logits.argmax(axis=1) == self.labels).mean()) if len(self.labels) else 0.0


def best_temperature(held_out: HeldOut) -> float:
    """The temperature that makes held-out confidences honest (Guo et al. 2017), by golden section on its logarithm."""
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(held_out.labels))

    def surprise(logarithm: float) -> float:
        probabilities = softmax(held_out.logits / np.float32(np.exp(logarithm)))
        return -float(np.log(np.maximum(probabilities[rows, held_out.labels], 1e-9)).mean())

    return float(np.exp(minimize_scalar(surprise, bounds=(-3, 3), method="bounded").x))


def learn_scope(held_out: HeldOut) -> Scope:
    """Logistic regression on the evidence, whose weights may not be negative: more evidence never means less scope.

    Both sides weigh the same: how much of a shop's traffic is out of scope, its training data cannot tell.
    """
    from scipy.optimize import minimize

    evidence = held_out.evidence.astype(np.float64)
    counts = np.bincount(held_out.kind, minlength=3)
    if not counts[INSIDE] or counts[INSIDE] == len(evidence):
        return Scope((0.0,) * evidence.shape[1], 3.0)
    far = _FAR if counts[NOVEL] else 1.0
    shares = np.array([1.0, 1 - far, far if counts[FOREIGN] else 0.0])
    shares[1:] /= shares[1:].sum()
    balance = (0.5 * shares / np.maximum(counts, 1))[held_out.kind]
    sign = np.where(held_out.kind == INSIDE, 1.0, -1.0)
    mean, spread = evidence.mean(axis=0), evidence.std(axis=0) + 1e-6
    standard = np.column_stack([(evidence - mean) / spread, np.ones(len(evidence))])

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
