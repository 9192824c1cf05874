"""Two variances, one interval: small cases worked out by hand, and symmetries that hold to the last bit."""

from math import pi, sqrt, tan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketsmith.errors import Diverged
from ticketsmith.lottery.results import Difference
from ticketsmith_runner.bounds import t_quantile
from ticketsmith_runner.columns import numbers, on_test
from ticketsmith_runner.statistics import difference, finite, summary

losses = st.floats(-10, 10, allow_subnormal=False)


def judged(examples: list[list[int]], deltas: list[list[float]], confidence: float = 0.95) -> Difference:
    return difference([np.array(e) for e in examples], [np.array(d, np.float64) for d in deltas], confidence)


def test_shared_test_examples_by_hand() -> None:
    """Replicates: means -1/4 and 0, so se = 1/8. Examples: 0, -1, 1/2, 0, so se = sqrt(19/16 / 3 / 4)."""
    got = judged([[4, 5, 6, 7]] * 2, [[0, -1, 0, 0], [0, -1, 1, 0]])
    assert (got.mean, got.se_replicates) == (-0.125, 0.125)
    assert got.se_items == got.se == pytest.approx(sqrt(19 / 16 / 12), rel=1e-15)
    reach = tan(pi * 0.45) * sqrt(19 / 16 / 12)  # Student's t with one degree of freedom is Cauchy
    assert (got.low, got.high) == pytest.approx((-0.125 - reach, -0.125 + reach), rel=1e-12)


def test_the_larger_error_is_that_of_the_seeds_where_seeds_differ_more() -> None:
    """Replicates: means 1 and -1, so se = 1. Examples: both 0, so se = 0."""
    got = judged([[0, 1]] * 2, [[1, 1], [-1, -1]])
    assert (got.mean, got.se_replicates, got.se_items, got.se) == (0, 1, 0, 1)


def test_folds_of_unequal_size_count_alike() -> None:
    """The mean over replicates is (1/2 - 1) / 2; that over the three pairs would be 0."""
    got = judged([[0, 1], [2]], [[1, 0], [-1]])
    assert got.mean == -0.25
    assert got.se_replicates == pytest.approx(0.75, rel=1e-15)
    assert got.se_items == pytest.approx(1 / sqrt(3), rel=1e-15)


def test_blocks_average_an_example_before_it_counts() -> None:
    """Two blocks of two folds: each example is tested twice, by replicates 0 or 1 and 2 or 3."""
    got = judged([[0, 1], [2, 3], [3, 0], [1, 2]], [[1, 0], [0, 0], [0, 1], [0, 0]])
    assert got.mean == 0.25
    assert got.se_items == 0.25  # averages 1, 0, 0, 0
    assert got.se_replicates == pytest.approx(0.25 / sqrt(3), rel=1e-15)  # means 1/2, 0, 1/2, 0


def test_one_replicate_has_no_bounds() -> None:
    got = judged([[0, 1, 2, 3]], [[1, 0, 0, 0]])
    assert got == Difference(mean=0.25, se_replicates=None, se_items=0.25, se=None, low=None, high=None, examples=4)


@pytest.mark.parametrize("delta", [0.0, 0.1])
def test_equal_differences_have_no_spread(delta: float) -> None:
    got = judged([[0, 1, 2]] * 3, [[delta] * 3] * 3)
    assert got.se == 0
    assert got.low == got.high == got.mean == pytest.approx(delta, rel=1e-15)


@pytest.mark.parametrize("p", [0.5, 0.9, 0.95, 0.975, 0.999])
def test_t_quantile_agrees_with_its_closed_forms(p: float) -> None:
    assert t_quantile(p, 1) == pytest.approx(tan(pi * (p - 0.5)), rel=1e-9, abs=1e-12)
    assert t_quantile(p, 2) == pytest.approx((2 * p - 1) / sqrt(2 * p * (1 - p)), rel=1e-9, abs=1e-12)


def test_summary_by_hand() -> None:
    got = summary([1.0, 2.0, 3.0])
    reach = 0.95 / sqrt(2 * 0.975 * 0.025) / sqrt(3)
    assert (got.mean, got.n) == (2, 3)
    assert got.se == pytest.approx(1 / sqrt(3), rel=1e-15)
    assert (got.low, got.high) == pytest.approx((2 - reach, 2 + reach), rel=1e-9)


def test_equal_values_have_no_spread() -> None:
    assert summary([0.1] * 3).se == pytest.approx(0, abs=1e-16)


def test_summary_of_one_has_no_interval() -> None:
    got = summary([0.97])
    assert (got.mean, got.se, got.low, got.high, got.n) == (0.97, None, None, None, 1)


@given(st.lists(st.lists(losses, min_size=4, max_size=4), min_size=1, max_size=5))
def test_swapping_the_nets_negates_the_mean_and_swaps_the_bounds(deltas: list[list[float]]) -> None:
    examples = [[r, r + 1, r + 2, r + 3] for r in range(len(deltas))]
    there, back = judged(examples, deltas), judged(examples, [[-d for d in row] for row in deltas])
    assert back.mean == -there.mean
    assert (back.se_replicates, back.se_items, back.se) == (there.se_replicates, there.se_items, there.se)
    if there.low is not None and there.high is not None:
        assert (back.low, back.high) == (-there.high, -there.low)


@given(st.lists(st.lists(losses, min_size=6, max_size=6), min_size=2, max_size=4), st.permutations(range(6)))
def test_the_order_of_the_records_does_not_show(deltas: list[list[float]], order: list[int]) -> None:
    there = judged([[*range(6)]] * len(deltas), deltas)
    assert judged([order] * len(deltas), [[row[i] for i in order] for row in deltas]) == there


def test_only_test_examples_are_read() -> None:
    records = {
        "role": np.array([[1, 2, 2], [1, 2, 0]], dtype=np.uint8),
        "loss": np.array([[9.0, 1.0, 2.0], [9.0, 3.0, 0.0]]),
        "prediction": np.array([[9, 300, 2], [9, 3, 0]], dtype=np.uint16),
    }
    assert [row.tolist() for row in on_test(records, "loss")] == [[1, 2], [3]]
    assert [row.tolist() for row in numbers(records, "prediction")] == [[300, 2], [3]]


def test_replicates_without_finite_losses_are_left_out() -> None:
    assert finite([np.array([np.nan, 0.0]), np.array([1.0, 2.0])], "losses") == [1]


def test_no_finite_loss_at_all_is_an_error() -> None:
    with pytest.raises(Diverged, match="no replicate has finite test losses"):
        finite([np.array([np.inf])], "losses")
