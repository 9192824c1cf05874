"""From bounds to a status and a reason: the bound decides, not the mean."""

import pytest
from pydantic import ValidationError

from ticketsmith.lottery.gate import EXIT_CODES, LOSS, ONE_REPLICATE, diverged, judge, together
from ticketsmith.lottery.metric import ACCURACY
from ticketsmith.lottery.results import Difference, Status
from ticketsmith.lottery.spec import GateRule

HALF_A_POINT = GateRule(margin=0.005)
BOTH = GateRule(margin=0.005, loss_margin=0.02)


def bounds(low: float | None, high: float | None, mean: float = 0.0) -> Difference:
    se = None if low is None else 0.001
    return Difference(mean=mean, se_replicates=se, se_items=0.001, se=se, low=low, high=high)


def judged(score: Difference, loss: Difference, rule: GateRule = HALF_A_POINT) -> tuple[Status, str]:
    """Both questions of a gate, as the step asks them."""
    parts = [judge(score, rule.against(1.0), rule.confidence, ACCURACY)]
    if rule.loss_margin is not None:
        parts.append(judge(loss, rule.loss_margin, rule.confidence, LOSS, "the added loss"))
    return together(parts)


GOOD, BAD, OPEN = bounds(-0.0031, 0.004), bounds(-0.02, -0.008), bounds(-0.008, 0.002)
CHEAP, DEAR, UNSURE = bounds(-0.01, 0.01), bounds(0.03, 0.05), bounds(0.01, 0.03)


@pytest.mark.parametrize(
    ("difference", "status", "reason"),
    [
        (GOOD, "PASS", "the one-sided 95 % lower bound of the difference, -0.31 points, lies above -0.50 points"),
        (BAD, "FAIL", "the one-sided 95 % upper bound of the difference, -0.80 points, lies below -0.50 points"),
        (OPEN, "UNDECIDED", "-0.50 points lies between the one-sided 95 % bounds -0.80 and +0.20 points"),
    ],
)
def test_a_bound_beyond_the_margin_decides(difference: Difference, status: str, reason: str) -> None:
    assert judged(difference, CHEAP) == (status, reason)


@pytest.mark.parametrize(
    ("difference", "status"),
    [
        (bounds(-0.030, 0.028, mean=-0.001), "UNDECIDED"),  # a mean inside the margin, and no evidence
        (bounds(-0.020, 0.040, mean=0.010), "UNDECIDED"),  # better than dense on average, and no evidence
        (bounds(-0.040, 0.010, mean=-0.015), "UNDECIDED"),  # a mean beyond the margin, and no evidence
        (bounds(-0.0049, -0.0041, mean=-0.0045), "PASS"),  # surely worse than dense, and surely by less than the margin
    ],
)
def test_the_mean_does_not_decide(difference: Difference, status: str) -> None:
    assert judged(difference, CHEAP)[0] == status


@pytest.mark.parametrize("difference", [bounds(-0.005, 0.01), bounds(-0.01, -0.005), bounds(-0.005, -0.005)])
def test_a_bound_on_the_margin_decides_nothing(difference: Difference) -> None:
    assert judged(difference, CHEAP)[0] == "UNDECIDED"


def test_there_is_no_margin_of_zero() -> None:
    """No test set shows that nothing at all is lost: equal nets stay undecided, however many examples there are."""
    with pytest.raises(ValidationError, match="greater than 0"):
        GateRule(margin=0.0)


@pytest.mark.parametrize(("examples", "too_few"), [(538, True), (539, False), (None, False)])
def test_too_few_examples_are_said_to_be_too_few(examples: int | None, too_few: bool) -> None:
    """From as many on as can show the margin, and where a verdict of older versions has no count, it is the bounds."""
    status, reason = judged(OPEN.model_copy(update={"examples": examples}), CHEAP)
    assert status == "UNDECIDED"
    assert reason == (
        "538 test examples cannot show a margin of 0.5 points at 95 %: even a ticket that loses none takes 539"
        if too_few
        else "-0.50 points lies between the one-sided 95 % bounds -0.80 and +0.20 points"
    )


def test_too_few_examples_can_still_show_a_loss() -> None:
    assert judged(BAD.model_copy(update={"examples": 100}), CHEAP)[0] == "FAIL"


@pytest.mark.parametrize(
    ("accuracy", "loss", "status"),
    [
        (GOOD, CHEAP, "PASS"),
        (GOOD, UNSURE, "UNDECIDED"),
        (GOOD, DEAR, "FAIL"),
        (OPEN, CHEAP, "UNDECIDED"),
        (OPEN, UNSURE, "UNDECIDED"),
        (OPEN, DEAR, "FAIL"),
        (BAD, CHEAP, "FAIL"),
        (BAD, UNSURE, "FAIL"),
        (BAD, DEAR, "FAIL"),
    ],
)
def test_one_fail_fails_and_only_two_passes_pass(accuracy: Difference, loss: Difference, status: str) -> None:
    assert judged(accuracy, loss, BOTH)[0] == status


def test_both_reasons_are_given() -> None:
    assert judged(GOOD, DEAR, BOTH)[1] == (
        "the one-sided 95 % lower bound of the difference, -0.31 points, lies above -0.50 points; "
        "the one-sided 95 % lower bound of the added loss, +0.0300 nats, lies above +0.0200 nats"
    )


def test_loss_is_not_judged_without_a_margin() -> None:
    assert judged(GOOD, DEAR)[0] == "PASS"


@pytest.mark.parametrize("rule", [HALF_A_POINT, BOTH])
def test_one_replicate_is_undecided(rule: GateRule) -> None:
    alone = bounds(None, None, mean=0.1)
    assert judged(alone, alone, rule) == ("UNDECIDED", ONE_REPLICATE)


@pytest.mark.parametrize(
    ("low", "text"), [(-0.004999, "-0.4999 points"), (-0.00496, "-0.496 points"), (-0.00494, "-0.49 points")]
)
def test_a_bound_is_never_written_like_the_margin_it_misses(low: float, text: str) -> None:
    assert f"{text}, lies above -0.50" in judged(bounds(low, 0.01), CHEAP)[1]


def test_divergence_names_replicate_and_update() -> None:
    assert diverged("ticket", [10, 11, 12], [None, 40, 60]) == (
        "ticket diverged (loss is NaN or infinite): replicate 11 at update 40, replicate 12 at update 60"
    )
    assert diverged("ticket", [10, 11, 12], [None, None, None]) is None


def test_each_status_has_its_exit_code() -> None:
    assert EXIT_CODES == {"PASS": 0, "FAIL": 1, "UNDECIDED": 7, "INVALID": 8}
