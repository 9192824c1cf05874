"""Examples that come in groups, such as the slices of a patient: a group is what was tested, and counts once."""

from math import sqrt

import numpy as np
import pytest

from ticketsmith.lottery.gate import judge
from ticketsmith.lottery.metric import Metric
from ticketsmith.lottery.results import Verdict
from ticketsmith_runner.forecast import spread
from ticketsmith_runner.statistics import bounded, errors, grouped

from .conftest import Arm
from .test_step import Run

IOU = Metric(name="IoU", higher_is_better=True, margin=0.05)
STUDIES, REPLICATES, GROUPS, LIMIT = 1000, 4, 40, 0.05 + 3 * sqrt(0.05 * 0.95 / 1000)


def test_groups_of_one_are_examples() -> None:
    """Two blocks of three folds, whatever the numbers of the groups are."""
    random = np.random.default_rng(0)
    folds = [order[fold::3] for order in (random.permutation(60), random.permutation(60)) for fold in range(3)]
    deltas = [random.normal(0, 0.2, len(fold)) for fold in folds]
    alone, groups = errors(folds, deltas), errors(folds, deltas, [1000 - fold for fold in folds])
    assert (groups.mean, groups.replicates, groups.R, groups.n) == (alone.mean, alone.replicates, alone.R, alone.n)
    assert (groups.items, groups.cells) == pytest.approx((alone.items, alone.cells), rel=1e-12)
    assert groups.skew == pytest.approx(alone.skew, rel=1e-9)


def test_groups_of_unequal_size_by_hand() -> None:
    """Groups of 3, 2 and 1: the mean is that of six examples, 1/2; centred sums are 3/2, -1, -1/2."""
    found = errors([np.arange(6)], [np.array([1.0, 1, 1, 0, 0, 0])], [np.array([7, 7, 7, 9, 9, 4])])
    assert (found.mean, found.n, found.examples) == (0.5, 3, 6)
    assert found.items == pytest.approx(3 / 2 * (2.25 + 1 + 0.25) / 36, rel=1e-15)


def test_the_forecast_counts_groups() -> None:
    """One look more of the same: the error that it starts from is the one that the gate has seen."""
    examples, groups = [np.arange(60)] * 3, [np.arange(60) // 4] * 3
    deltas = [np.random.default_rng(r).normal(0, 0.1, 60) + np.repeat(np.sin(np.arange(15)), 4) for r in range(3)]
    seen = spread(*grouped(examples, deltas, groups))
    assert seen.examples == 15
    assert seen.error(1) == pytest.approx(sqrt(errors(examples, deltas, groups).items), rel=1e-9)


def passes(*, clustered: bool) -> float:
    """False PASS in a world where a group gains or loses as one, and the margin is lost on average.

    Groups of 1 to 19 examples, 400 in all; every replicate is tested on all of them.
    """
    random, passed = np.random.default_rng(3), 0
    for _ in range(STUDIES):
        sizes = random.integers(1, 20, GROUPS)
        group = np.repeat(np.arange(GROUPS), sizes)
        always = random.normal(0, 0.15, GROUPS)[group]
        deltas = [
            random.normal(-IOU.margin, 0.01) + always + random.normal(0, 0.05, len(group)) for _ in range(REPLICATES)
        ]
        found = errors([np.arange(len(group))] * REPLICATES, deltas, [group] * REPLICATES if clustered else None)
        change = bounded(found, 0.95, kind="amount", metric=IOU)
        passed += judge(change, IOU.margin, 0.95, IOU)[0] == "PASS"
    return passed / STUDIES


def test_a_false_pass_is_as_rare_as_stated_where_groups_are_told() -> None:
    assert passes(clustered=True) <= LIMIT


def test_without_their_groups_examples_pass_for_independent() -> None:
    """The test above can fail: examples that say the same as their neighbours count as evidence."""
    assert passes(clustered=False) > 2 * LIMIT


def test_a_verdict_counts_groups(gate: Run) -> None:
    arm = Arm(group=lambda e: e // 4)
    verdict: Verdict = gate(arm, arm)
    assert (verdict.status, verdict.difference.examples, verdict.difference.groups) == ("UNDECIDED", 799, 205)
    assert verdict.reason.startswith("205 groups of test examples cannot show a margin of 0.5 points at 95 %: ")
