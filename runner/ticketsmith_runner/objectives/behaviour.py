"""Changes that accuracy does not show: which predictions changed, how sure the net is of them, which class paid.

All on each replicate's test split, then summed up over replicates.
"""

from collections.abc import Sequence

import numpy as np

from ticketsmith.lottery.results import Behaviour

from ..columns import Columns, Numbers, numbers, on_test
from ..statistics import summary
from .calibration import calibrated_error, calibration_error

NEEDED = {"prediction", "label", "confidence"}
SEED = 0  # draws of the same confidences are the same draws: a verdict has the same bytes each time


def behaviour(dense: Columns, candidate: Columns) -> Behaviour | None:
    """Compare an arm's records with those of dense, on the same examples; None where they are of no classes."""
    if not (dense.keys() >= NEEDED and candidate.keys() >= NEEDED):
        return None
    truth = numbers(dense, "label")
    before, after = (numbers(columns, "prediction") for columns in (dense, candidate))
    changes = _class_changes(truth, before, after)
    worst = min(changes, key=lambda label: (np.mean(changes[label]), label))
    return Behaviour(
        churn=summary([float((a != b).mean()) for a, b in zip(after, before, strict=True)]),
        calibration_error=summary(_calibration(candidate)),
        dense_calibration_error=summary(_calibration(dense)),
        calibrated_error=summary(_calibrated(candidate)),
        dense_calibrated_error=summary(_calibrated(dense)),
        worst_class=worst,
        worst_class_change=summary(changes[worst]),
    )


def _calibration(columns: Columns) -> list[float]:
    records = zip(
        on_test(columns, "confidence"), numbers(columns, "prediction"), numbers(columns, "label"), strict=True
    )
    return [calibration_error(confidence, prediction == label) for confidence, prediction, label in records]


def _calibrated(columns: Columns) -> list[float]:
    generator = np.random.default_rng(SEED)
    return [calibrated_error(confidence, generator) for confidence in on_test(columns, "confidence")]


def _class_changes(
    truth: Sequence[Numbers], before: Sequence[Numbers], after: Sequence[Numbers]
) -> dict[int, list[float]]:
    """Change of the accuracy on each class, in every replicate whose test split has it."""
    gains: dict[int, list[float]] = {}
    for label, old, new in zip(truth, before, after, strict=True):
        gain = (new == label).astype(float) - (old == label)
        for number in np.unique(label):
            gains.setdefault(int(number), []).append(float(gain[label == number].mean()))
    return gains
