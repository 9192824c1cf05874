"""Nets that learned nothing prove nothing."""

import numpy as np
import pytest

from ticketsmith.lottery.metric import ACCURACY, BITS, Metric
from ticketsmith.lottery.results import TrainMetrics
from ticketsmith_runner.arms import Arm
from ticketsmith_runner.baseline import baseline, unlearned

N, R = 1000, 4
LABELS = np.arange(N) % 4


def dense(replicates: int = R, **columns: np.ndarray) -> Arm:
    """Records of as many replicates on the same test examples."""
    rows = {"example": np.arange(N), "role": np.full(N, 2, np.uint8)} | columns
    metrics = TrainMetrics.model_construct(replicates=[*range(replicates)])
    return Arm(name="dense", metrics=metrics, columns={k: np.broadcast_to(v, (replicates, N)) for k, v in rows.items()})


def classifier(share: float, nats: float = 0.1, replicates: int = R) -> Arm:
    right = np.random.default_rng(0).random((replicates, N)) < share
    said = np.where(right, LABELS, (LABELS + 1) % 4)
    loss = np.random.default_rng(1).normal(nats, 0.2, (replicates, N))
    return dense(replicates, label=LABELS, prediction=said, score=right.astype(np.float32), loss=loss)


@pytest.mark.parametrize(("share", "invalid"), [(0.07, True), (0.25, True), (0.26, True), (0.35, False), (0.98, False)])
def test_dense_must_surely_beat_the_most_frequent_class(share: float, invalid: bool) -> None:
    said = unlearned(classifier(share), ACCURACY, 0.95, loss=False)
    assert (said is not None) == invalid
    if said:
        assert said.startswith("dense reaches ") and "not surely more than the 25.00 % of always answering 0" in said


@pytest.mark.parametrize(("nats", "judged", "invalid"), [(1.5, True, True), (1.5, False, False), (1.2, True, False)])
def test_where_loss_is_judged_dense_must_beat_a_constant(nats: float, judged: bool, invalid: bool) -> None:
    """Four classes of equal size: a constant has ln 4 = 1.386 nats."""
    said = unlearned(classifier(0.9, nats), ACCURACY, 0.95, loss=judged)
    assert (said is not None) == invalid
    if said:
        assert "1.3863" in said


def test_one_replicate_is_held_to_its_mean() -> None:
    assert unlearned(classifier(0.0, replicates=1), ACCURACY, 0.95, loss=False) is not None
    assert unlearned(classifier(1.0, replicates=1), ACCURACY, 0.95, loss=False) is None


IOU = Metric(name="IoU", higher_is_better=True, margin=0.01)


@pytest.mark.parametrize(("metric", "better"), [(BITS, -1), (IOU, 1)])
@pytest.mark.parametrize(("gained", "invalid"), [(0.2, False), (0.0, True), (-0.2, True)])
def test_without_classes_dense_must_surely_beat_its_untrained_network(
    metric: Metric, better: int, gained: float, invalid: bool
) -> None:
    before = np.random.default_rng(0).normal(1.34, 0.2, N)
    after = before + better * gained + np.tile([-0.1, 0.1], N // 2)
    said = unlearned(dense(untrained=before, score=after), metric, 0.95, loss=False)
    assert (said is not None) == invalid


def test_both_scores_are_named_in_the_unit_of_the_metric() -> None:
    arm = dense(untrained=np.full(N, 1.338), score=np.full(N, 1.338))
    assert unlearned(arm, BITS, 0.95, loss=False) == (
        "dense reaches 1.930 bits, which is not surely better than the 1.930 of the untrained network: "
        "nets that learned nothing prove nothing"
    )


def test_what_says_nothing_of_an_untrained_network_is_not_held_to_it() -> None:
    assert unlearned(dense(score=np.zeros(N)), BITS, 0.95, loss=True) is None


def named(arm: Arm, name: str = "a trigram model") -> Arm:
    return Arm(name="dense", metrics=arm.metrics.model_copy(update={"baseline": name}), columns=arm.columns)


@pytest.mark.parametrize(("gained", "invalid"), [(0.2, False), (0.0, True), (-0.2, True)])
def test_the_tasks_own_baseline_is_what_dense_must_surely_beat(gained: float, invalid: bool) -> None:
    """However much worse the untrained network is."""
    before = np.random.default_rng(0).normal(1.34, 0.2, N)
    arm = named(dense(untrained=before + 9, baseline=before, score=before - gained + np.tile([-0.1, 0.1], N // 2)))
    said = unlearned(arm, BITS, 0.95, loss=False)
    assert (said is not None) == invalid
    if said:
        assert "of a trigram model: nets that learned nothing" in said


def test_a_classifier_may_have_a_baseline_of_its_own() -> None:
    """Ninety of a hundred are right, and so are those of a rule that needs no network."""
    arm = classifier(0.9)
    rule = named(
        dense(**{**arm.columns, "baseline": np.tile(np.arange(N) % 10 > 0, (R, 1)).astype(np.float32)}), "a rule"
    )
    assert unlearned(arm, ACCURACY, 0.95, loss=False) is None
    said = unlearned(rule, ACCURACY, 0.95, loss=False)
    assert said is not None and "of a rule" in said


def test_the_baseline_stands_in_the_verdict_by_name_and_score() -> None:
    arm = named(dense(baseline=np.full(N, 1.9), score=np.full(N, 1.3)))
    found = baseline(arm, BITS)
    assert found is not None and (found.name, round(found.score, 9)) == ("a trigram model", 1.9)
    assert baseline(dense(score=np.full(N, 1.3)), BITS) is None
