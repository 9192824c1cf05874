"""The scan over sparsities: its error rate, its power, and the answers that published curves give."""

import numpy as np
import pytest

from ticketsmith.lottery.gate import judge, null_reach
from ticketsmith.lottery.metric import ACCURACY
from ticketsmith.lottery.scan import by_median, safe
from ticketsmith_runner.statistics import bounded, errors

MARGIN, CONFIDENCE = 0.05, 0.95  # that 300 examples can show
LEAST = null_reach(MARGIN, 300, CONFIDENCE)
TRUE = (0.0, -0.02, -0.05, -0.12)
"""True changes of accuracy, level by level; at the third the margin is reached: nothing from there on is safe."""
STUDIES = 600


def studies(replicates: int) -> list[int]:
    """Levels called safe in each simulated study: replicates on one test set of 300, paired, the real gate."""
    random = np.random.default_rng(7)
    examples = [np.arange(300)] * replicates
    found = []
    for _ in range(STUDIES):
        always = random.normal(0, 0.3, 300)
        passed = []
        for true in TRUE:
            of_seed = random.normal(0, 0.02, replicates)
            deltas = [true + seed + always + random.normal(0, 0.5, 300) for seed in of_seed]
            judged = bounded(errors(examples, deltas), CONFIDENCE, LEAST)
            passed.append(judge(judged, MARGIN, CONFIDENCE, ACCURACY)[0] == "PASS")
        found.append(safe(passed))
    return found


@pytest.fixture(scope="module")
def ten() -> list[int]:
    return studies(10)


def test_an_unsafe_sparsity_is_called_safe_in_one_study_of_twenty_at_most(ten: list[int]) -> None:
    rate = np.mean([levels >= 3 for levels in ten])
    assert rate <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / STUDIES), rate


def test_its_power(ten: list[int]) -> None:
    """Dense-like levels pass; 3 points from the margin fewer do, and with 3 replicates fewer still."""
    first, second = (np.mean([levels >= count for levels in ten]) for count in (1, 2))
    fewer = np.mean([levels >= 1 for levels in studies(3)])
    assert first > 0.6 and first > second > 0.1 and fewer < first


# Renda, Frankle & Carbin, Comparing Rewinding and Fine-tuning (ICLR 2020), ResNet-20 on CIFAR-10, iterative magnitude
# pruning: medians of the test accuracy in %, by the share of the weights that remains in %; dense 91.713, sd 0.233.
REMAINING = (80.0, 51.2, 32.8, 26.2, 21.0, 16.8, 13.4, 10.7)
CURVES = {
    "weight rewinding": (91.76, 91.99, 92.02, 91.64, 91.68, 91.31, 91.41, 91.00),
    "learning-rate rewinding": (92.11, 92.29, 92.12, 92.14, 91.89, 91.79, 91.48, 91.01),
    "fine-tuning": (91.61, 91.38, 91.00, 90.64, 90.46, 89.99, 88.98, 89.32),
}
ANSWERS = [  # those that the columns above decide: the others lie between two of them, or are a tie in rounding
    ("weight rewinding", 0.233, 79.0),
    ("weight rewinding", 0.5, 86.6),
    ("weight rewinding", 1.0, 89.3),
    ("learning-rate rewinding", 0.5, 86.6),
    ("learning-rate rewinding", 1.0, 89.3),
    ("fine-tuning", 1.0, 67.2),
]


@pytest.mark.parametrize(("method", "margin", "sparsity"), ANSWERS)
def test_published_curves_give_the_published_answers(method: str, margin: float, sparsity: float) -> None:
    """The authors' own rule: the largest sparsity whose median stays inside the gate, all lower sparsities too."""
    levels = safe(by_median(CURVES[method], 91.713, margin))
    assert 100 - REMAINING[levels - 1] == pytest.approx(sparsity, abs=0.051)
