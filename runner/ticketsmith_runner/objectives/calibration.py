"""Calibration: how far confidence is from accuracy, and how far chance alone would bring it.

Records hold confidences in fp16, to 0.024 points above a half; what is surer than 99.976 % is 1 there. Both figures are
of the same rounded confidences.
"""

import numpy as np
from numpy.typing import NDArray

from ..bounds import Floats

BINS = 15  # Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (arXiv 1706.04599)
DRAWS = 200  # leave an error of half a percent of the figure, averaged over ten replicates of 360 examples


def calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Mean distance of confidence and accuracy over bins of equal width, weighted by their examples.

    >>> round(calibration_error(np.array([0.9, 0.9, 0.6, 0.6]), np.array([True, True, True, False])), 3)
    0.1
    """
    gaps = np.bincount(_bins(confidence), weights=confidence - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def calibrated_error(confidence: Floats, generator: np.random.Generator) -> float:
    """Calibration error that a perfectly calibrated net with these confidences shows on average: chance alone.

    Each example is right with the probability that its confidence says, DRAWS times over. The distances count without
    their sign, so that they do not cancel out: the figure is above 0, and the higher the fewer examples there are.

    >>> round(calibrated_error(np.full(100, 0.5), np.random.default_rng(0)), 2)  # sqrt(0.25 / 100) * sqrt(2 / pi)
    0.04
    """
    unsure = np.sort(confidence[confidence < 1])  # who is sure is right in every draw, and adds nothing
    if not len(unsure):
        return 0.0
    first = np.flatnonzero(np.diff(_bins(unsure), prepend=-1))
    # Both sides are multiples of 2^-24: the comparison is exact, and the same on every machine.
    right = generator.random((DRAWS, len(unsure)), dtype=np.float32) < unsure.astype(np.float32)
    gaps = np.add.reduceat(right, first, axis=1, dtype=np.int32) - np.add.reduceat(unsure, first)
    return float(np.abs(gaps).sum() / DRAWS / len(confidence))


def _bins(confidence: Floats) -> NDArray[np.int64]:
    """The bin of each example; an edge belongs to the bin below."""
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
