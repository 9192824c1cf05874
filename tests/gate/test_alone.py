"""The verdict on one network: paired with its own dense one, and the test examples that would settle it."""

import numpy as np
import pytest

from ticketsmith.lottery.gate import null_reach
from ticketsmith.lottery.metric import ACCURACY, NATS
from ticketsmith.lottery.results import TrainMetrics
from ticketsmith.specs import read_spec
from ticketsmith_runner.alone import Alone, alone
from ticketsmith_runner.arms import Arm
from ticketsmith_runner.bounds import t_quantile

N = 4000


def arm(name: str, wrong: list[np.ndarray], count: int = N) -> Arm:
    """A training for each list of examples that it gets wrong, ten classes by the last digit."""
    examples = np.stack([np.arange(count)] * len(wrong))
    score = np.stack([~np.isin(np.arange(count), each) for each in wrong]).astype(np.float32)
    columns = {
        "example": examples,
        "role": np.full(examples.shape, 2, np.uint8),
        "loss": np.where(score > 0, 0.1, 2.0).astype(np.float32),
        "score": score,
        "prediction": ((examples + (score == 0)) % 10).astype(np.uint8),
        "label": (examples % 10).astype(np.uint8),
        "confidence": np.ones(examples.shape, np.float16),
    }
    rows = len(wrong)
    metrics = TrainMetrics(
        replicates=list(range(10, 10 + rows)), start=0, stop=9, looks=[9], validation_loss=[[0.1]] * rows,
        validation_score=[[1.0]] * rows, early_stop_step=[9] * rows, early_stop_test_score=[1.0] * rows,
        test_score=[float(row.mean()) for row in score], test_loss=[0.1] * rows, diverged_at=[None] * rows,
    )  # fmt: skip
    return Arm(name=name, metrics=metrics, columns=columns)


def judged(wrong: np.ndarray, dense: np.ndarray | None = None, count: int = N, **rule: object) -> Alone:
    """The second of two replicates; the first is always right, and no part of it."""
    nothing = np.array([], int)
    arms = (arm("dense", [nothing, nothing if dense is None else dense], count), arm("ticket", [nothing, wrong], count))
    spec = read_spec(None, {"gate": {"margin": 0.005, **rule}, "looks": 1})
    return alone(*(each.only(11) for each in arms), spec, ACCURACY)


def test_equal_networks_pass_on_enough_examples() -> None:
    found = judged(np.arange(20), np.arange(20))
    assert (found.status, found.examples, found.examples_needed, found.score) == ("PASS", N, None, 1 - 20 / N)


def test_a_loss_that_is_sure_fails_whatever_the_others_do() -> None:
    found = judged(np.arange(100))
    assert found.status == "FAIL" and found.dense_score == 1 and found.examples_needed is None
    assert "one replicate" not in found.reason  # as it stands beside the other verdict


def test_dense_that_learned_nothing_is_invalid() -> None:
    assert judged(np.arange(N), np.arange(3900)).status == "INVALID"


def test_collapses_are_no_question_about_one_network() -> None:
    assert judged(np.arange(20), np.arange(20), collapse={"by": 1.0, "at_most": 0.4}).status == "PASS"


def test_no_number_of_examples_settles_what_lies_on_the_margin() -> None:
    found = judged(np.arange(20))
    assert (found.status, found.examples_needed) == ("UNDECIDED", None)


def test_too_few_examples_are_said() -> None:
    found = judged(np.array([], int), count=360)
    assert (found.status, found.examples) == ("UNDECIDED", 360)
    assert found.examples_needed == 539  # as many as even a perfect ticket takes


@pytest.mark.parametrize(("lost", "gained"), [(30, 28), (40, 24), (36, 30)])
def test_four_in_five_test_sets_of_that_size_settle_it(lost: int, gained: int) -> None:
    """Test sets are drawn with the shares of examples that were lost and won; 4,000 of them, one seed."""
    few, margin, confidence = 2000, 0.005, 0.95
    found = judged(np.arange(lost), np.arange(lost, lost + gained), count=few)
    n = found.examples_needed
    assert found.status == "UNDECIDED" and n is not None
    draws = np.random.default_rng(0).multinomial(n, [lost / few, gained / few, 1 - (lost + gained) / few], 4000)
    change = (draws[:, 1] - draws[:, 0]) / n
    error = np.sqrt((draws[:, 0] + draws[:, 1] - n * change**2) / (n - 1) / n)
    half = np.maximum(t_quantile(confidence, n - 1) * error, null_reach(margin, n, confidence))
    assert 0.76 < ((change - half > -margin) | (change + half < -margin)).mean() < 0.86


def test_one_replicate_of_an_arm_is_that_one() -> None:
    one = arm("ticket", [np.arange(3), np.arange(7)]).only(11)
    assert one.metrics.replicates == [11] and one.metrics.test_score == pytest.approx([1 - 7 / N])
    assert [len(each) for each in one.on_test("score")] == [N] and one.on_test("score")[0].sum() == N - 7


def in_nats(change: np.ndarray, margin: float) -> Alone:
    """A ticket whose loss differs by so much on each example; dense is the better the lower its loss."""
    arms = []
    for name, added in (("dense", 0.0), ("ticket", change)):
        made = arm(name, [np.array([], int)], len(change))
        made.columns["score"][:] = 5.0 + added
        arms.append(made)
    return alone(*arms, read_spec(None, {"gate": {"margin": margin}, "looks": 1}), NATS)


@pytest.mark.parametrize("harmful", [True, False])
@pytest.mark.parametrize("beyond", [True, False])
def test_a_long_tail_counts_for_the_bound_that_decides(harmful: bool, beyond: bool) -> None:
    """Test sets are drawn from the very changes that were seen."""
    rng = np.random.default_rng(0)
    tail = (rng.exponential(1.0, 400) - 1.0) * (1 if harmful else -1)
    change, margin = tail - tail.mean() + (0.55 if beyond else 0.45), 0.5
    found = in_nats(change, margin)
    assert found.status == "UNDECIDED" and found.examples_needed is not None
    n = found.examples_needed
    drawn = [in_nats(rng.choice(change, n), margin).status for _ in range(150)]
    assert 0.7 < sum(status != "UNDECIDED" for status in drawn) / 150 < 0.92
