"""The figures of `kefu eval intents`, on numbers small enough to check by hand."""

import numpy as np
import pytest

from bot.evaluation.intents import Outcome
from bot.evaluation.measures import auroc, calibration_error


def test_that_auroc_counts_ties_as_half() -> None:
    scores = np.array([0.9, 0.5, 0.5, 0.1], np.float32)
    assert auroc(scores, np.array([True, True, False, False])) == pytest.approx(0.875)


def test_that_calibration_error_is_the_gap_between_said_and_true() -> None:
    confidence = np.array([0.95, 0.95, 0.35, 0.35], np.float32)
    assert calibration_error(confidence, np.array([True, False, False, False])) == pytest.approx(0.4, abs=1e-6)


def test_that_rejecting_a_stranger_is_right_and_rejecting_a_known_intent_is_wrong() -> None:
    outcome = Outcome(
        truth=np.array(["a", "a", "b", "oos", "oos"]),
        best=np.array(["a", "a", "a", "a", "b"]),
        in_scope=np.array([0.9, 0.2, 0.9, 0.1, 0.8], np.float32),
        confidence=np.full(5, 0.9, np.float32),
    )
    figures = outcome.figures("set")
    assert figures["set in-scope accuracy"] == pytest.approx(2 / 3)
    assert figures["set accuracy with rejection"] == pytest.approx(2 / 5)
    assert figures["set out-of-scope recall"] == pytest.approx(1 / 2)
    assert figures["set in-scope kept"] == pytest.approx(2 / 3)
