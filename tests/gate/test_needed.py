"""Replicates that an open question needs: the forecast is held to what happens when they are bought."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest

from ticketsmith.lottery.gate import null_reach
from ticketsmith.lottery.metric import ACCURACY
from ticketsmith.lottery.results import Difference
from ticketsmith_runner import forecast
from ticketsmith_runner.bounds import t_quantile
from ticketsmith_runner.forecast import ENOUGH, Spread, spread
from ticketsmith_runner.statistics import difference

MARGIN, CONFIDENCE = 0.005, 0.95
ENDLESS = 10**9
"""Test examples that leave no error and no floor of their own."""
NOTHING = Spread(between=0.0, within=0.0, examples=ENDLESS, per_example=1.0)


def needed(found: Difference, spread: Spread, replicates: int, margin: float = MARGIN, whole: int = 1) -> int | None:
    floor = null_reach(margin, spread.examples, CONFIDENCE)
    return forecast.needed(found, spread, replicates, margin, CONFIDENCE, ACCURACY, floor, whole=whole)


def found(mean: float, seeds: float, items: float = 0.0) -> Difference:
    se = max(seeds, items)
    return Difference(mean=mean, se_replicates=seeds, se_items=items, se=se, low=mean - 2 * se, high=mean + 2 * se)


@pytest.mark.parametrize(
    ("mean", "examples"),
    [(0.0, ENDLESS), (-0.003, ENDLESS), (-0.008, ENDLESS), (0.0, 2000), (-0.001, 2000), (-0.008, 2000)],
)
def test_four_in_five_studies_of_that_size_are_settled(mean: float, examples: int) -> None:
    """Studies are simulated with the true difference and spread that were found; 2,000 of them, one seed.

    Of 2,000 test examples none may err, and still a bound stays 0.26 points from the mean.
    """
    of_seeds = 0.004
    nothing = replace(NOTHING, examples=examples)
    n = needed(found(mean, of_seeds / sqrt(5)), nothing, 5)
    assert n is not None and 5 < n < 200
    draws = np.random.default_rng(0).normal(mean, of_seeds, (2000, n))
    half = np.maximum(
        t_quantile(CONFIDENCE, n - 1) * draws.std(axis=1, ddof=1) / sqrt(n),
        null_reach(MARGIN, examples, CONFIDENCE),
    )
    low, high = draws.mean(axis=1) - half, draws.mean(axis=1) + half
    assert 0.76 < ((low > -MARGIN) | (high < -MARGIN)).mean() < 0.9


def two_way(replicates: int, of_items: float, noise: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Replicates on one shared test set: what an example always does, and what it does once."""
    random = np.random.default_rng(1)
    always = random.normal(0, of_items, 2000)
    deltas = [always + random.normal(0, noise, 2000) for _ in range(replicates)]
    return [np.arange(2000)] * replicates, deltas


@pytest.mark.parametrize(("of_items", "noise"), [(0.3, 0.0), (0.0, 0.3), (0.1, 0.3)])
def test_the_error_over_test_examples_is_foreseen(of_items: float, noise: float) -> None:
    """From 5 replicates to 40: what is the same in every replicate stays, the rest averages out."""
    seen, later = spread(*two_way(5, of_items, noise)), difference(*two_way(40, of_items, noise), 0.95)
    assert seen.error(1) == pytest.approx(difference(*two_way(5, of_items, noise), 0.95).se_items, rel=1e-9)
    assert seen.error(8) == pytest.approx(later.se_items, rel=0.15)


def test_an_example_that_was_tested_once_leaves_its_parts_together() -> None:
    examples = [np.array([0, 1]), np.array([2, 3])]
    got = spread(examples, [np.array([1.0, 0.0]), np.array([0.0, -1.0])])
    assert (got.between, got.within, got.per_example) == (0.0, pytest.approx(2 / 3), 1.0)


def test_the_nearer_to_the_margin_the_more() -> None:
    counts = [needed(found(mean, 0.001), NOTHING, 5) for mean in (-0.001, -0.003, -0.004, -0.0045)]
    assert counts == sorted(counts, key=lambda n: n or ENOUGH + 1) and counts[0] == 6


def test_at_the_margin_no_number_settles_it() -> None:
    assert needed(found(-0.005, 0.001), NOTHING, 5) is None


def test_more_seeds_do_not_enlarge_the_test_set() -> None:
    margin = 0.02
    same = Spread(between=0.036, within=0.0, examples=1000, per_example=5.0)  # an error of 0.6 points, for ever
    once = Spread(between=0.0, within=0.18, examples=1000, per_example=5.0)  # the same error, of training
    assert same.error(1) == once.error(1) == pytest.approx(0.006)
    assert null_reach(margin, 1000, CONFIDENCE) < 0.008  # so that it is not the floor that refuses
    assert needed(found(-0.008, 0.001, items=0.006), same, 5, margin) is None
    assert needed(found(-0.008, 0.001, items=0.006), once, 5, margin) is not None


@pytest.mark.parametrize(("examples", "some"), [(538, False), (600, True)])
def test_a_test_set_that_cannot_show_the_margin_is_settled_by_no_number(examples: int, some: bool) -> None:
    """Nothing is lost and nothing varies much, and yet 538 examples are too few for half a point."""
    few = replace(NOTHING, examples=examples)
    assert (needed(found(0.0, 0.001), few, 5) is not None) == some


def test_cohorts_are_bought_whole() -> None:
    alone = needed(found(-0.003, 0.002), NOTHING, 5)
    whole = needed(found(-0.003, 0.002), NOTHING, 5, whole=5)
    assert alone is not None and alone % 5 and whole == alone + -alone % 5


def test_one_replicate_has_no_spread() -> None:
    one = Difference(mean=0.0, se_replicates=None, se_items=0.001, se=None, low=None, high=None)
    assert needed(one, NOTHING, 1) is None
