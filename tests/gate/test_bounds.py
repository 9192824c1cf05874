"""The formulas of the bounds, by hand and at their edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketsmith.lottery.gate import LOSS, examples_needed, judge, null_reach
from ticketsmith.lottery.metric import ACCURACY
from ticketsmith.lottery.results import Difference
from ticketsmith_runner.bounds import carriers, stretched, wilson
from ticketsmith_runner.statistics import bounded, errors, share


def judged(replicates: int, examples: int, margin: float = 0.005, confidence: float = 0.95) -> tuple[str, str]:
    """The gate where no net differs from dense on any example."""
    found = errors([np.arange(examples)] * replicates, [np.zeros(examples)] * replicates)
    change = bounded(found, confidence, null_reach(margin, found.n, confidence))
    return judge(change, margin, confidence, ACCURACY)


@pytest.mark.parametrize(("replicates", "examples"), [(2, 1), (2, 20), (10, 20), (30, 360), (2, 538)])
def test_no_evidence_is_no_pass(replicates: int, examples: int) -> None:
    """EleutherAI/lm-evaluation-harness#4070: an interval of width 0 at the boundary."""
    status, reason = judged(replicates, examples)
    assert status == "UNDECIDED"
    assert reason.startswith(f"{examples:,} test examples cannot show a margin of 0.5 points at 95 %: ")
    assert reason.endswith("even a ticket that loses none takes 539")


@pytest.mark.parametrize(("margin", "confidence"), [(0.005, 0.95), (0.001, 0.95), (0.005, 0.98), (0.1, 0.9)])
def test_the_number_of_examples_that_is_named_is_the_least_that_passes(margin: float, confidence: float) -> None:
    needed = examples_needed(margin, confidence)
    assert judged(3, needed, margin, confidence)[0] == "PASS"
    assert judged(3, needed - 1, margin, confidence)[0] == "UNDECIDED"


def added(values: list[np.ndarray]) -> Difference:
    return bounded(errors([np.arange(1000)] * 3, values), 0.95, kind="amount", metric=LOSS)


def test_a_loss_that_a_handful_carries_is_refused() -> None:
    values = np.zeros(1000)
    values[:5] = 1.0
    found = added([values, values + 0.001, values - 0.001])
    assert found.high is not None and found.high < 0.05
    assert judge(found, 0.05, 0.95, LOSS, "the added loss") == (
        "UNDECIDED",
        "about 5 test examples carry the added loss, and fewer than 35 leave its mean without a bound",
    )
    won = added([-values, -values + 0.001, -values - 0.001])
    assert won.carriers is None and judge(won, 0.05, 0.95, LOSS)[0] == "PASS"


def test_a_bound_is_stretched_on_the_side_of_the_tail_alone() -> None:
    assert float(stretched(1.8, 3.0, 400)) > 1.8
    assert float(stretched(1.8, -3.0, 400)) == float(stretched(1.8, 0.0, 400)) == pytest.approx(1.8)


@given(k=st.integers(1, 200))
def test_equal_carriers_are_counted(k: int) -> None:
    values = np.zeros(10_000)
    values[:k] = 1.0
    z = values - values.mean()
    assert float(carriers((z**3).mean() / (z**2).mean() ** 1.5, 10_000)) == pytest.approx(k, rel=0.1)


def test_an_interval_of_all_right_is_not_empty() -> None:
    """Wilson's, of the examples that were asked, whatever the replicates: 20 of 20."""
    found = share(errors([np.arange(20)] * 4, [np.ones(20)] * 4))
    assert (found.mean, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(20 / (20 + 2.0930**2), abs=1e-4)  # t with 19 degrees of freedom


@given(p=st.floats(0, 1), r=st.floats(0, 0.1), i=st.floats(0, 0.1), c=st.floats(0, 0.1), R=st.integers(2, 40))
def test_an_interval_of_accuracy_lies_within_0_and_1_and_around_it(
    p: float, r: float, i: float, c: float, R: int
) -> None:
    low, high = wilson(p, (r, i, c), R, 500, 0.95)
    assert 0 <= low <= p + 1e-12 and p - 1e-12 <= high <= 1


def test_more_replicates_on_the_same_examples_do_not_narrow_an_accuracy_for_ever() -> None:
    random = np.random.default_rng(0)
    right = (random.random(400) < 0.9).astype(float)
    widths = []
    for R in (5, 50):
        found = share(errors([np.arange(400)] * R, [right] * R))
        assert found.low is not None and found.high is not None
        widths.append(found.high - found.low)
    assert widths[1] == pytest.approx(widths[0], rel=0.05)
