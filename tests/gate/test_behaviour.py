"""Behaviour that accuracy does not show: cases worked out by hand."""

import numpy as np
import pytest

from ticketsmith.lottery.results import Behaviour
from ticketsmith_runner.columns import Columns
from ticketsmith_runner.objectives.behaviour import behaviour
from ticketsmith_runner.objectives.calibration import BINS, calibrated_error, calibration_error
from ticketsmith_runner.roles import PADDING, TEST, VALIDATION

LABELS = np.array([0, 0, 1, 1, 2, 2])


def records(predictions: list[list[int]], confidence: float = 1.0) -> Columns:
    """Two replicates: the first tests examples 0 to 3, the second 2 to 5; each has a validation record beside them."""
    rows = [[5, 0, 1, 2, 3], [0, 2, 3, 4, 5]]
    return {
        "example": np.array(rows, dtype=np.int32),
        "role": np.array([[VALIDATION] + [TEST] * 4] * 2, dtype=np.uint8),
        "prediction": np.array([[9, *each] for each in predictions], dtype=np.uint8),
        "label": LABELS[rows].astype(np.uint8),
        "confidence": np.full((2, 5), confidence, dtype=np.float16),
    }


def changes(dense: Columns, candidate: Columns) -> Behaviour:
    got = behaviour(dense, candidate)
    assert got is not None
    return got


def test_by_hand() -> None:
    dense = records([[0, 0, 1, 1], [1, 1, 2, 2]])
    candidate = records([[0, 0, 1, 0], [1, 1, 2, 0]], confidence=0.5)
    got = changes(dense, candidate)
    assert got.churn.mean == 0.25 and got.churn.n == 2
    assert got.dense_calibration_error.mean == 0.0  # sure, and right
    assert got.calibration_error.mean == 0.25  # half sure, and right in three of four
    # Sure is right by chance too; of 4 at a half, 2, 1 or 3, 0 or 4 are: 0, 1/4, 1/2 with 6, 8, 2 of 16.
    assert got.dense_calibrated_error == got.dense_calibration_error
    assert got.calibrated_error is not None and got.calibrated_error.mean == pytest.approx(0.1875, abs=0.02)
    # Class 1 lost a half in the first replicate and nothing in the second; class 2 is in the second only.
    assert (got.worst_class, got.worst_class_change.mean, got.worst_class_change.n) == (2, -0.5, 1)


def test_the_same_net_changes_nothing() -> None:
    same = records([[0, 1, 1, 1], [1, 1, 2, 2]])
    got = changes(same, same)
    assert got.churn.mean == 0.0 and got.worst_class_change.mean == 0.0
    assert got.calibration_error == got.dense_calibration_error
    assert got.calibrated_error == got.dense_calibrated_error


def test_the_same_records_give_the_same_bytes() -> None:
    dense, candidate = (records([[0, 0, 1, 1], [1, 1, 2, 2]], confidence) for confidence in (0.9, 0.7))
    first, again = (changes(dense, candidate).model_dump_json() for _ in range(2))
    assert first == again


def test_a_verdict_of_before_can_be_read() -> None:
    same = records([[0, 1, 1, 1], [1, 1, 2, 2]])
    old = changes(same, same).model_dump(exclude={"calibrated_error", "dense_calibrated_error"})
    assert Behaviour.model_validate(old).calibrated_error is None


def test_padding_is_no_record() -> None:
    dense, padded = records([[0, 0, 1, 1], [1, 1, 2, 2]]), records([[0, 0, 1, 1], [1, 1, 2, 0]])
    for each in (dense, padded):
        each["role"][1, 4] = PADDING
    assert changes(dense, padded).churn.mean == 0.0


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


def confidences(examples: int) -> np.ndarray:
    """As records hold them: most nearly sure, a few not, in fp16."""
    unsure = np.random.default_rng(7).exponential(0.05, examples)
    return np.clip(1 - unsure, 0.1, 1).astype(np.float16).astype(np.float64)


def test_a_calibrated_net_shows_what_is_said_of_it() -> None:
    """Against draws made one by one through the statistic itself, of other seeds."""
    confidence, outcomes = confidences(360), np.random.default_rng(8)
    drawn = [calibration_error(confidence, outcomes.random(360) < confidence) for _ in range(2000)]
    got = np.mean([calibrated_error(confidence, np.random.default_rng(seed)) for seed in range(10)])
    assert got == pytest.approx(np.mean(drawn), rel=0.03)


def test_chance_shrinks_as_examples_grow() -> None:
    """Absolute values of sums: as the root of the number of examples."""
    few, many = (calibrated_error(np.tile(confidences(200), n), np.random.default_rng(0)) for n in (1, 16))
    assert few / many == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("confidence", [[1.0] * 8, [1.0]])
def test_who_is_sure_leaves_nothing_to_chance(confidence: list[float]) -> None:
    assert calibrated_error(np.array(confidence), np.random.default_rng(0)) == 0.0


def test_a_bin_of_one_by_hand() -> None:
    """One example at p in a bin of its own: it is off by 1 - p with the chance p, by p with 1 - p."""
    confidence = (np.arange(BINS) + 0.5) / BINS
    draws = [calibrated_error(confidence, np.random.default_rng(seed)) for seed in range(20)]
    assert np.mean(draws) == pytest.approx(np.mean(2 * confidence * (1 - confidence)), rel=0.02)
