"""What accuracy does not show: which predictions changed, how sure the net is of them, and which class paid.

All on each replicate's test split, then summed up over replicates.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ticketsmith.lottery.results import Behaviour

from .bounds import Floats
from .confidence import calibrated_error, calibration_error
from .statistics import of_test, summary

SEED = 0  # draws of the same confidences are the same draws: a verdict has the same bytes each time
Labels = NDArray[np.int64]


def behaviour(dense: Mapping[str, Tensor], candidate: Mapping[str, Tensor], labels: Labels) -> Behaviour:
    """Of an arm's records beside those of dense, which are of the same examples; `labels` are (N,), of all examples."""
    truth = [labels[example.astype(np.int64)] for example in of_test(dense, "example")]
    before, after = (of_test(records, "prediction") for records in (dense, candidate))
    changes = _class_changes(truth, before, after)
    worst = min(changes, key=lambda label: (np.mean(changes[label]), label))
    return Behaviour(
        churn=summary([float((a != b).mean()) for a, b in zip(after, before, strict=True)]),
        calibration_error=summary(_calibration(candidate, truth)),
        dense_calibration_error=summary(_calibration(dense, truth)),
        calibrated_error=summary(_calibrated(candidate)),
        dense_calibrated_error=summary(_calibrated(dense)),
        worst_class=worst,
        worst_class_change=summary(changes[worst]),
    )


def _calibration(records: Mapping[str, Tensor], truth: Sequence[Labels]) -> list[float]:
    columns = zip(of_test(records, "confidence"), of_test(records, "prediction"), truth, strict=True)
    return [calibration_error(confidence, prediction == label) for confidence, prediction, label in columns]


def _calibrated(records: Mapping[str, Tensor]) -> list[float]:
    generator = np.random.default_rng(SEED)
    return [calibrated_error(confidence, generator) for confidence in of_test(records, "confidence")]


def _class_changes(
    truth: Sequence[Labels], before: Sequence[Floats], after: Sequence[Floats]
) -> dict[int, list[float]]:
    """Change of the accuracy on each class, in every replicate whose test split has it."""
    found: dict[int, list[float]] = {}
    for label, old, new in zip(truth, before, after, strict=True):
        gain = (new == label).astype(float) - (old == label)
        for each in np.unique(label):
            found.setdefault(int(each), []).append(float(gain[label == each].mean()))
    return found
