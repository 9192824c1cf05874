"""Several looks at growing data: the published critical values, and how often the whole procedure errs."""

from functools import cache

import numpy as np
import pytest
from scipy.special import ndtri

from ticketsmith.lottery.gate import judge, null_reach
from ticketsmith.lottery.metric import ACCURACY
from ticketsmith.lottery.results import Status
from ticketsmith_runner.looks import crossing, nominal
from ticketsmith_runner.statistics import bounded, errors

MARGIN, LOOKS, COHORT, STUDIES = 0.05, 4, 5, 1000
FOLD = 60
"""Test examples of a replicate; a cohort of five tests each of 300 once, as the digits are cross-fitted.

With those the floor of a bound is 2.6 points from the mean at each look, and the errors alone reach further.
"""


# Jennison & Turnbull, Group Sequential Methods (2000), table 2.1, two-sided 0.1.
@pytest.mark.parametrize(
    ("looks", "published"), [(1, 1.645), (2, 1.875), (3, 1.992), (4, 2.067), (5, 2.122), (10, 2.270), (20, 2.392)]
)
def test_critical_values_are_the_published_ones(looks: int, published: float) -> None:
    assert ndtri(nominal(0.95, looks)) == pytest.approx(published, abs=6e-4)


def test_a_walk_crosses_as_often_as_computed() -> None:
    """The integration against plain simulation."""
    steps = np.random.default_rng(0).normal(size=(40_000, 5)).cumsum(1)
    simulated = (steps > 1.8 * np.sqrt(np.arange(1, 6))).any(1).mean()
    assert crossing(1.8, 5) == pytest.approx(simulated, abs=4 * np.sqrt(0.1 / 40_000))


@cache
def study(true: float, confidence: float) -> list[tuple[Status, int]]:
    """Simulated studies that buy cohorts until decided: the last status, and the looks it took. The real statistics."""
    random = np.random.default_rng(1)
    return [_one(true, confidence, random) for _ in range(STUDIES)]


def _one(true: float, confidence: float, random: np.random.Generator) -> tuple[Status, int]:
    examples: list[np.ndarray] = []
    deltas: list[np.ndarray] = []
    always = random.normal(0, 0.12, COHORT * FOLD)  # what an example does in every replicate
    status: Status = "UNDECIDED"
    look = 0
    while status == "UNDECIDED" and look < LOOKS:
        order = random.permutation(COHORT * FOLD)
        for fold in range(COHORT):
            chosen = order[fold::COHORT]
            examples.append(chosen)
            deltas.append(true + random.normal(0, 0.03) + always[chosen] + random.normal(0, 0.3, FOLD))
        found = errors(examples, deltas)
        least = null_reach(MARGIN, found.n, confidence)
        status, _ = judge(bounded(found, confidence, least), MARGIN, confidence, ACCURACY)
        look += 1
    return status, look


def rate(studies: list[tuple[Status, int]], status: Status) -> float:
    return sum(found == status for found, _ in studies) / len(studies)


def test_a_false_pass_is_as_rare_as_stated_over_all_looks() -> None:
    assert rate(study(-MARGIN, nominal(0.95, LOOKS)), "PASS") <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / STUDIES)


def test_without_the_correction_it_would_not_be() -> None:
    """That many looks at 95 % each: the test above can fail."""
    assert rate(study(-MARGIN, 0.95), "PASS") > 0.05 + 3 * np.sqrt(0.05 * 0.95 / STUDIES)


def test_its_power_and_what_it_spends() -> None:
    """A ticket like dense nearly always passes, and mostly before the last look."""
    studies = study(0.0, nominal(0.95, LOOKS))
    assert rate(studies, "PASS") > 0.9
    assert np.mean([looks for _, looks in studies]) < 0.8 * LOOKS


def test_a_ticket_far_below_fails_early() -> None:
    studies = study(-0.15, nominal(0.95, LOOKS))
    assert rate(studies, "FAIL") > 0.9 and rate(studies, "PASS") == 0
