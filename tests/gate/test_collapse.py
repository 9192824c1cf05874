"""Trainings that collapse: what is said beside a PASS, and the verdict where a spec asks for one."""

import pytest
from scipy.stats import beta, binom

from ticketsmith.errors import UsageError
from ticketsmith.lottery.collapse import at_least, at_most, least
from ticketsmith.lottery.gate import judge_collapse
from ticketsmith.lottery.metric import ACCURACY
from ticketsmith.lottery.results import Collapses, Status
from ticketsmith.specs import read_spec


@pytest.mark.parametrize(("lost", "of"), [(0, 10), (1, 10), (5, 10), (9, 10), (3, 40)])
def test_bounds_are_those_of_clopper_and_pearson(lost: int, of: int) -> None:
    assert at_most(lost, of, 0.95) == pytest.approx(beta.ppf(0.95, lost + 1, of - lost), abs=1e-9)
    if lost:
        assert at_least(lost, of, 0.95) == pytest.approx(beta.ppf(0.05, lost, of - lost + 1), abs=1e-9)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.26, 0.3, 0.9])
def test_the_least_number_shows_it_and_one_fewer_does_not(share: float) -> None:
    n = least(share, 0.95)
    assert at_most(0, n, 0.95) <= share
    assert n == 1 or at_most(0, n - 1, 0.95) > share


def judged(lost: int, of: int, looks: int = 1) -> Status:
    return judge_collapse(Collapses(by=1, lost=lost, of=of, at_most=1), 0.3, 0.95, looks, ACCURACY)[0]


@pytest.mark.parametrize(("lost", "status"), [(0, "PASS"), (2, "UNDECIDED"), (9, "FAIL")])
def test_the_verdict(lost: int, status: str) -> None:
    assert judged(lost, 10) == status


def test_all_looks_together_err_in_5_percent_at_most() -> None:
    """At a true share of 0.3, over four looks that each add ten trainings, by the exact bound of a union."""
    passed = [sum(binom.pmf(k, n, 0.3) for k in range(n + 1) if judged(k, n, 4) == "PASS") for n in (10, 20, 30, 40)]
    assert sum(passed) <= 0.05


def test_a_bound_that_the_replicates_cannot_show_is_refused_with_the_number() -> None:
    once = {"looks": 1, "gate": {"collapse": {"by": 1, "at_most": 0.2}}}
    with pytest.raises(
        UsageError, match=r"0\.2 takes at least 14 replicates to show in 1 looks, 14 in one .*, got 10 at most"
    ):
        read_spec(None, {**once, "replicates": 10})
    assert read_spec(None, {**once, "replicates": 15}).gate.collapse is not None
