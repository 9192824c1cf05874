"""What accuracy does not show: cases worked out by hand."""

import numpy as np
import pytest
import torch
from torch import Tensor

from ticketsmith_runner.behaviour import behaviour, calibration_error
from ticketsmith_runner.records import PADDING, TEST, VALIDATION

LABELS = np.array([0, 0, 1, 1, 2, 2])


def records(predictions: list[list[int]], confidence: float = 1.0) -> dict[str, Tensor]:
    """Two replicates: the first tests examples 0 to 3, the second 2 to 5; each has a validation record beside them."""
    rows = [[5, 0, 1, 2, 3], [0, 2, 3, 4, 5]]
    return {
        "example": torch.tensor(rows, dtype=torch.int32),
        "role": torch.tensor([[VALIDATION] + [TEST] * 4] * 2, dtype=torch.uint8),
        "prediction": torch.tensor([[9, *each] for each in predictions], dtype=torch.uint8),
        "confidence": torch.full((2, 5), confidence, dtype=torch.float16),
    }


def test_by_hand() -> None:
    dense = records([[0, 0, 1, 1], [1, 1, 2, 2]])
    candidate = records([[0, 0, 1, 0], [1, 1, 2, 0]], confidence=0.5)
    got = behaviour(dense, candidate, LABELS)
    assert got.churn.mean == 0.25 and got.churn.n == 2
    assert got.dense_calibration_error.mean == 0.0  # sure, and right
    assert got.calibration_error.mean == 0.25  # half sure, and right in three of four
    # Class 1 lost a half in the first replicate and nothing in the second; class 2 is in the second only.
    assert (got.worst_class, got.worst_class_change.mean, got.worst_class_change.n) == (2, -0.5, 1)


def test_the_same_net_changes_nothing() -> None:
    same = records([[0, 1, 1, 1], [1, 1, 2, 2]])
    got = behaviour(same, same, LABELS)
    assert got.churn.mean == 0.0 and got.worst_class_change.mean == 0.0
    assert got.calibration_error == got.dense_calibration_error


def test_padding_is_no_record() -> None:
    dense, padded = records([[0, 0, 1, 1], [1, 1, 2, 2]]), records([[0, 0, 1, 1], [1, 1, 2, 0]])
    for each in (dense, padded):
        each["role"][1, 4] = PADDING
    assert behaviour(dense, padded, LABELS).churn.mean == 0.0


@pytest.mark.parametrize(
    ("confidence", "right", "error"),
    [
        ([1.0] * 4, [True] * 4, 0.0),
        ([1.0] * 4, [False] * 4, 1.0),
        ([0.75] * 4, [True, True, True, False], 0.0),
        ([0.99, 0.01], [False, True], 0.99),
        ([0.2 / 3, 0.1], [True, True], (1 - 0.2 / 3 + 0.9) / 2),  # the edge of a bin belongs to the bin below
    ],
)
def test_calibration_error(confidence: list[float], right: list[bool], error: float) -> None:
    assert calibration_error(np.array(confidence), np.array(right)) == pytest.approx(error, abs=1e-12)
