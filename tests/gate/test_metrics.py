"""One judge for every metric: in its direction, in its unit, by shares or by amounts."""

import math
from typing import Any

import numpy as np
import pytest

from ticketsmith.lottery.gate import LOSS, judge
from ticketsmith.lottery.metric import ACCURACY, BITS, NATS, Metric
from ticketsmith.lottery.results import Difference, TrainMetrics
from ticketsmith_runner import arms as measured
from ticketsmith_runner.judgement import kind
from ticketsmith_runner.statistics import amount, bounded, errors

from .conftest import EXAMPLES, Arm
from .test_step import Run

IOU = Metric(name="IoU", higher_is_better=True, margin=0.05)
ERROR = Metric(name="error", unit="%", scale=100, margin=0.005)
ANGLE = Metric(name="error", unit="degrees", scale=180 / math.pi, margin=0.01)


def bounds(low: float, high: float, **fields: Any) -> Difference:
    return Difference(mean=(low + high) / 2, se_replicates=0.1, se_items=0.1, se=0.1, low=low, high=high, **fields)


@pytest.mark.parametrize(
    "metric", [ACCURACY, IOU, ERROR, BITS, ANGLE], ids=lambda metric: f"{metric.name}-{metric.unit}"
)
@pytest.mark.parametrize(
    ("least", "most", "status"), [(-0.1, 0.9, "PASS"), (1.1, 1.5, "FAIL"), (0.5, 1.5, "UNDECIDED"), (-3, -2, "PASS")]
)
def test_harm_beyond_the_margin_fails_in_either_direction(
    metric: Metric, least: float, most: float, status: str
) -> None:
    """Harm in margins: what argues against it, and for it."""
    low, high = sorted(metric.harm(metric.margin * harm) for harm in (least, most))
    assert judge(bounds(low, high), metric.margin, 0.95, metric)[0] == status


@pytest.mark.parametrize(
    ("metric", "low", "high", "reason"),
    [
        (IOU, -0.031, 0.01, "the one-sided 95 % lower bound of the difference, -0.031, lies above -0.050"),
        (BITS, 0.0, 0.01, "the one-sided 95 % upper bound of the difference, +0.014 bits, lies below +0.020 bits"),
        (BITS, 0.02, 0.03, "the one-sided 95 % lower bound of the difference, +0.029 bits, lies above +0.020 bits"),
        (NATS, 0.0, 0.02, "+0.010 nats lies between the one-sided 95 % bounds 0.000 and +0.020 nats"),
        (
            ANGLE,
            0.0,
            0.009,
            "the one-sided 95 % upper bound of the difference, +0.52 degrees, lies below +0.57 degrees",
        ),
        (ERROR, 0.0, 0.004, "the one-sided 95 % upper bound of the difference, +0.40 points, lies below +0.50 points"),
    ],
)
def test_the_reason_is_in_the_unit_of_the_metric(metric: Metric, low: float, high: float, reason: str) -> None:
    assert judge(bounds(low, high, kind="amount"), metric.margin, 0.95, metric)[1] == reason


def test_too_few_examples_are_said_of_shares_alone() -> None:
    for which, few in (("share", True), ("amount", False)):
        reason = judge(bounds(-0.01, 0.009, kind=which, examples=100), 0.005, 0.95, ERROR)[1]
        assert reason.startswith("100 test examples cannot show a margin of 0.5 points") == few


@pytest.mark.parametrize(("metric", "side"), [(IOU, -1), (LOSS, 1)])
def test_a_tail_counts_on_the_side_of_harm(metric: Metric, side: int) -> None:
    """Five of a thousand lose 1; then gain 1."""
    values = np.zeros(1000)
    values[:5] = side
    harmed, helped = (errors([np.arange(1000)] * 3, [sign * values] * 3) for sign in (1, -1))
    lost = bounded(harmed, 0.95, kind="amount", metric=metric)
    won = bounded(helped, 0.95, kind="amount", metric=metric)
    assert lost.carriers is not None and won.carriers is None
    assert judge(lost, metric.margin, 0.95, metric) == (
        "UNDECIDED", "about 5 test examples carry the difference, and fewer than 35 leave its mean without a bound"
    )  # fmt: skip
    reach, plain = (abs(found.mean - (found.low if side < 0 else found.high)) for found in (lost, won))  # type: ignore[operator]
    assert reach > plain


@pytest.mark.parametrize(
    ("scores", "expected"), [([0, 1, 1], "share"), ([0, 0.5, 1], "amount"), ([0, 1, np.nan], "amount"), ([2], "amount")]
)
def test_the_records_tell_what_a_score_is(scores: list[float], expected: str) -> None:
    assert kind(IOU, scored([0.0, 1.0]), scored(scores)) == expected


def test_the_interval_of_an_amount_by_hand() -> None:
    """Replicates of equal means, examples 0 and 2: an error of 1 with one degree of freedom for each."""
    found = amount(errors([np.arange(2)] * 2, [np.array([0.0, 2.0])] * 2))
    assert (found.mean, found.se) == (1, 1)
    assert found.high == pytest.approx(1 + math.tan(math.pi * 0.475), rel=1e-9)


def scored(scores: list[float]) -> measured.Arm:
    columns = {"score": np.array([scores]), "role": np.full((1, len(scores)), 2)}
    return measured.Arm(name="dense", metrics=TrainMetrics.model_construct(), columns=columns)


def iou(shift: float) -> Arm:
    """A score between 0 and 1 for each example, and what a network gains or loses on all of them."""
    return Arm(scores=lambda e: 0.5 + 0.3 * math.sin(e) + shift + 0.01 * math.cos(7 * e + 100 * shift))


@pytest.mark.parametrize(("lost", "status"), [(0.01, "PASS"), (0.2, "FAIL")])
def test_an_own_metric_is_judged(gate: Run, lost: float, status: str) -> None:
    verdict = gate(iou(0), iou(-lost), metric=IOU, margin=0.05)
    assert (verdict.status, verdict.difference.kind, verdict.behaviour) == (status, "amount", None)
    assert verdict.difference.mean == pytest.approx(-lost, abs=0.002)


@pytest.mark.parametrize(("lost", "status"), [(0.01, "PASS"), (0.2, "FAIL")])
def test_a_metric_that_is_better_the_lower_is_judged(gate: Run, lost: float, status: str) -> None:
    verdict = gate(iou(0), iou(lost), metric=ANGLE, margin=0.05)
    assert (verdict.status, verdict.score.n) == (status, 2)


def test_a_network_that_learned_nothing_is_invalid_without_classes(gate: Run) -> None:
    verdict = gate(Arm(scores=iou(0).scores, untrained=iou(0).scores), iou(0), metric=IOU, margin=0.05)
    assert verdict.status == "INVALID"
    assert verdict.reason.endswith("of the untrained network: nets that learned nothing prove nothing")


def test_a_relative_margin_is_a_share_of_dense(gate: Run) -> None:
    dense = Arm(scores=lambda e: -2.0 if e % 2 else -1.0)
    verdict = gate(dense, dense, metric=NATS, margin="+1 %")
    scores = [np.mean([-2.0 if e % 2 else -1.0 for e in row if e not in (7, -1)]) for row in EXAMPLES]
    assert verdict.margin == pytest.approx(-0.01 * np.mean(scores), rel=1e-12)


def test_collapses_are_counted_in_shown_units(gate: Run) -> None:
    verdict = gate(iou(0), iou(0.2), metric=ANGLE, collapse={"by": 10, "at_most": 0.9})
    assert verdict.collapses is not None and (verdict.collapses.lost, verdict.collapses.by) == (2, 10)
    assert "2 of 2 trainings lost more than 10 degrees, which leaves" in verdict.reason


def test_a_score_that_is_no_number_fails_though_the_loss_is_one(gate: Run) -> None:
    """As 0 / 0 is, of an empty mask."""
    verdict = gate(iou(0), Arm(scores=lambda e: math.nan if e == 50 else 0.5 + 0.3 * math.sin(e)), metric=IOU)
    assert (verdict.status, verdict.reason) == ("FAIL", "ticket has test scores that are NaN or infinite: replicate 1")
