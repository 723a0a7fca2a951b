"""Measures of a classifier's scores, by numpy alone."""

import numpy as np
import numpy.typing as npt


def auroc(scores: npt.NDArray[np.float32], positive: npt.NDArray[np.bool_]) -> float:
    """The probability that a positive scores above a negative, ties counting half (Mann-Whitney)."""
    _, at, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[at]
    yes, no = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - yes * (yes + 1) / 2) / (yes * no))


def calibration_error(confidence: npt.NDArray[np.float32], right: npt.NDArray[np.bool_]) -> float:
    """Expected calibration error over ten bins of equal width (Guo et al. 2017)."""
    bins = np.minimum((confidence * 10).astype(int), 9)
    gaps = [
        abs(float(confidence[bins == at].mean()) - float(right[bins == at].mean())) * float((bins == at).mean())
        for at in np.unique(bins)
    ]
    return float(sum(gaps))
