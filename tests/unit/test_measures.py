"""Areas, calibration and thresholds on scores whose answers are known."""

import math

import numpy as np
import pytest

from bot.lessons.measures import auroc, calibration_error, overlap, platt, threshold


def test_that_the_area_counts_pairs_in_order_and_ties_by_half() -> None:
    assert auroc([0.9, 0.8, 0.2, 0.1], [True, True, False, False]) == 1.0
    assert auroc([0.1, 0.9], [True, False]) == 0.0
    assert auroc([0.5, 0.5, 0.7], [True, False, False]) == 0.25
    assert math.isnan(auroc([0.5], [True]))


def test_that_overlap_is_the_share_of_words_that_stand_in_the_source() -> None:
    assert overlap("Tea is free.", "The tea is not free at all.") == 1.0
    assert overlap("Tea is cheap.", "Tea is free.") == pytest.approx(2 / 3)


def test_that_calibrated_probabilities_are_those_that_the_labels_were_drawn_by() -> None:
    draw = np.random.default_rng(5)
    logits = draw.normal(size=4000) * 3
    labels = draw.random(4000) < 1 / (1 + np.exp(-0.5 * logits))
    slope, offset = platt(logits.tolist(), labels.tolist())
    assert slope == pytest.approx(0.5, abs=0.06)
    assert offset == pytest.approx(0.0, abs=0.15)
    probabilities = 1 / (1 + np.exp(-(slope * logits + offset)))
    assert calibration_error(probabilities.tolist(), labels.tolist()) < 0.03
    assert calibration_error([0.99] * 100, [True] * 50 + [False] * 50) == pytest.approx(0.49)


def test_that_a_threshold_refuses_no_more_true_sentences_than_it_may_cost() -> None:
    true = [at / 100 for at in range(100)]
    assert threshold(true, cost=0.03) == 0.03
    assert sum(score < threshold(true, cost=0.03) for score in true) == 3
    assert threshold([0.9] * 50, cost=0.03) == 0.5
    assert threshold([], cost=0.03) == 0.5
