"""How many replicates an open question needs: the forecast is held to what happens when they are bought."""

from math import sqrt

import numpy as np
import pytest

from ticketsmith.lottery.results import Difference
from ticketsmith.lottery.spec import GateRule
from ticketsmith_runner.statistics import ENOUGH, needed, t_quantile

RULE = GateRule(margin=0.005)


def found(mean: float, seeds: float, items: float = 0.0) -> Difference:
    se = max(seeds, items)
    return Difference(mean=mean, se_replicates=seeds, se_items=items, se=se, low=mean - 2 * se, high=mean + 2 * se)


@pytest.mark.parametrize("mean", [0.0, -0.003, -0.008])
def test_four_in_five_studies_of_that_size_are_settled(mean: float) -> None:
    """Studies are simulated with the true difference and spread that were found; 2,000 of them, one seed."""
    spread = 0.004
    n = needed(found(mean, spread / sqrt(5)), 5, RULE)
    assert n is not None and 5 < n < 200
    draws = np.random.default_rng(0).normal(mean, spread, (2000, n))
    half = t_quantile(RULE.confidence, n - 1) * draws.std(axis=1, ddof=1) / sqrt(n)
    low, high = draws.mean(axis=1) - half, draws.mean(axis=1) + half
    settled = ((low > -RULE.margin) | (high < -RULE.margin)).mean()
    assert 0.76 < settled < 0.9


def test_the_nearer_to_the_margin_the_more() -> None:
    counts = [needed(found(mean, 0.001), 5, RULE) for mean in (-0.001, -0.003, -0.004, -0.0045)]
    assert counts == sorted(counts, key=lambda n: n or ENOUGH + 1) and counts[0] == 6


def test_at_the_margin_no_number_settles_it() -> None:
    assert needed(found(-0.005, 0.001), 5, RULE) is None


def test_more_seeds_do_not_enlarge_the_test_set() -> None:
    assert needed(found(-0.003, 0.001, items=0.0001), 5, RULE) is not None
    assert needed(found(-0.003, 0.001, items=0.002), 5, RULE) is None


def test_one_replicate_has_no_spread() -> None:
    one = Difference(mean=0.0, se_replicates=None, se_items=0.001, se=None, low=None, high=None)
    assert needed(one, 1, RULE) is None
