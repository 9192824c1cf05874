"""Scores of a whole test set: F1, AUC, means by weight; and how often a gate on them errs."""

from math import sqrt
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from ticketsmith.errors import UsageError
from ticketsmith_runner.bootstrap import resampled
from ticketsmith_runner.objectives.whole import differences, scorer, whole
from ticketsmith_runner.statistics import errors

from .conftest import Arm
from .test_step import Run
from .wholes import AUC, F1, PERPLEXITY, WHOLES, Whole, passes

RANDOM = np.random.default_rng(0)
STUDIES = 60
QUICK = [WHOLES[1], WHOLES[4], WHOLES[6], WHOLES[9]]


@pytest.mark.parametrize("classes", [2, 4])
def test_f1_is_that_of_scikit_learn(classes: int) -> None:
    label, prediction = RANDOM.integers(0, classes, (2, 200))
    expected = f1_score(label, prediction, average="binary" if classes == 2 else "macro")
    assert whole(F1, {"label": label, "prediction": prediction}) == pytest.approx(expected, rel=1e-12)


def test_auc_is_that_of_scikit_learn_ties_too() -> None:
    label, score = RANDOM.integers(0, 2, 200), RANDOM.integers(0, 9, 200).astype(float)
    assert whole(AUC, {"label": label, "score": score}) == pytest.approx(roc_auc_score(label, score), rel=1e-12)


def test_a_mean_by_weight() -> None:
    columns = {"score": np.array([1.0, 2.0, 0.3]), "weight": np.array([3, 1, 0])}
    assert whole(PERPLEXITY, columns) == pytest.approx(1.25, rel=1e-12)


@pytest.mark.parametrize("metric", [F1, AUC, PERPLEXITY], ids=lambda metric: metric.name)
def test_a_weight_of_three_is_three_examples(metric: Any) -> None:
    columns = {
        "label": np.array([0, 1, 1, 0, 1]),
        "prediction": np.array([0, 1, 0, 1, 1]),
        "score": np.array([0.1, 0.7, 0.4, 0.4, 0.9]),
        "weight": np.array([1, 2, 3, 4, 5]),
    }
    times = np.array([1, 3, 1, 2, 1])
    repeated = {name: np.repeat(values, times) for name, values in columns.items()}
    assert scorer(metric, columns)(times[:, None].astype(float))[0] == pytest.approx(whole(metric, repeated), rel=1e-9)


@pytest.mark.parametrize(
    ("metric", "columns", "said"),
    [
        (F1, {"score": np.ones(2)}, "f1 is made of prediction and label, and the records have no pred"),
        (AUC, {"score": np.ones(2), "label": np.ones(2)}, "AUC needs examples of both classes in every test split"),
        (PERPLEXITY, {"score": np.ones(2), "weight": np.zeros(2)}, "weight: expected numbers of 0 or more"),
    ],
)  # fmt: skip
def test_what_has_no_such_score_is_refused(metric: Any, columns: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        whole(metric, columns)


@pytest.mark.parametrize("groups", [None, [np.arange(300) // 5] * 3])
def test_at_equal_weights_the_bootstrap_finds_the_errors_of_a_mean(groups: Any) -> None:
    examples = [np.arange(300)] * 3
    always = RANDOM.exponential(0.2, 300)
    rows = [{"score": always + RANDOM.normal(0, 0.1, 300), "weight": np.ones(300)} for _ in range(3)]
    zero = [{"score": np.zeros(300), "weight": np.ones(300)}] * 3
    found = resampled(examples, groups, differences(PERPLEXITY, rows, zero))
    known = errors(examples, [row["score"] for row in rows], groups)
    assert (found.mean, found.replicates) == pytest.approx((known.mean, known.replicates), rel=1e-6)
    assert (found.items, found.cells) == pytest.approx((known.items, known.cells), rel=0.1)
    assert found.skew / sqrt(found.n) == pytest.approx(known.skew / sqrt(known.n), abs=0.2)
    assert (found.n, found.examples, found.R) == (known.n, known.examples, known.R)


def test_the_same_records_give_the_same_bytes() -> None:
    examples, dense, ticket = WHOLES[0].study(np.random.default_rng(0), 0.01)
    first, again = (resampled(examples, None, differences(F1, ticket, dense)) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("world", QUICK, ids=lambda world: f"{world.name} {world.R}")
def test_a_false_pass_is_as_rare_as_stated(world: Whole) -> None:
    """`make gate-worlds` has all of them, and more studies."""
    assert passes(world, world.metric.margin, STUDIES) <= 0.05 + 3 * sqrt(0.05 * 0.95 / STUDIES)


def test_a_ticket_like_dense_passes() -> None:
    assert passes(WHOLES[2], 0.0, 30) > 0.7


def halves(moved: float = 0.0) -> Arm:
    """Odd examples are of class 1, and score higher."""
    return Arm(scores=lambda e: np.sin(e) + (2 - moved) * (e % 2), binary=True)


@pytest.mark.parametrize(("moved", "status"), [(0.0, "PASS"), (1.5, "FAIL")])
def test_auc_is_judged_in_a_verdict(gate: Run, moved: float, status: str) -> None:
    verdict = gate(halves(), halves(moved), metric=AUC, margin=0.05)
    assert (verdict.status, verdict.difference.kind, verdict.difference.examples) == (status, "whole", 799)
    assert verdict.reason.startswith("the one-sided 95 % ") and " points, lies " in verdict.reason


def test_one_score_for_all_proves_nothing(gate: Run) -> None:
    verdict = gate(halves(2.0), halves(2.0), metric=AUC, margin=0.05)
    assert verdict.status == "INVALID"
    assert "which is not surely better than the 50.00 of one score for all: " in verdict.reason
