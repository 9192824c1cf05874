"""Simulated studies, in which each process is fast or slow by chance: how many 95 % intervals of speed hold the ratio.

Spreads are as they were measured: 1 to 4 % between processes, once 20 %; 2 % between rounds, a few of which wait.
"""

import numpy as np
import pytest

from ticketsmith_runner.timing import ratio

TRUE, STUDIES = 1.5, 400
NOISE, WAITS, WAIT = 0.02, 0.05, 0.5
"""Spread of rounds; the share of them that wait for others; and for how long, of their own time."""


def _times(draws, processes, rounds, spread):
    """Latencies of one back-end, (processes, rounds), whose typical process takes a second."""
    fixed = np.exp(draws.normal(0, spread, (processes, 1)))
    noise = np.exp(draws.normal(0, NOISE, (processes, rounds)))
    waited = np.where(draws.random((processes, rounds)) < WAITS, 1 + draws.exponential(WAIT, (processes, rounds)), 1.0)
    return fixed * noise * waited


def _coverage(interval, processes, rounds, spread):
    """The share of studies whose interval holds the true ratio."""
    draws, held = np.random.default_rng(0), 0
    for _ in range(STUDIES):
        baseline, candidate = TRUE * _times(draws, processes, rounds, spread), _times(draws, processes, rounds, spread)
        low, high = interval(baseline, candidate)
        held += low <= TRUE <= high
    return held / STUDIES


def _ours(baseline, candidate):
    return ratio(*([[[time] for time in rounds] for rounds in times.tolist()] for times in (baseline, candidate)))[1:]


def _over_rounds(baseline, candidate):
    """The percentile bootstrap of the median over all rounds, whichever process they come from."""
    ratios = (baseline / candidate).ravel()
    drawn = np.random.default_rng(0).integers(len(ratios), size=(500, len(ratios)))
    return np.percentile(np.median(ratios[drawn], axis=1), [2.5, 97.5])


def _over_both(baseline, candidate):
    """The percentile bootstrap that draws processes, and then rounds of each."""
    ratios, draws = baseline / candidate, np.random.default_rng(0)
    of = draws.integers(len(ratios), size=(500, len(ratios)))
    drawn = draws.integers(ratios.shape[1], size=(500, *ratios.shape))
    middles = np.median(ratios[of[:, :, None], drawn], axis=2)
    return np.exp(np.percentile(np.log(middles).mean(1), [2.5, 97.5]))


@pytest.mark.parametrize("spread", [0.0, 0.02, 0.04, 0.2])
@pytest.mark.parametrize(("processes", "rounds"), [(3, 5), (4, 4), (5, 3)])
def test_an_interval_over_processes_holds_the_true_ratio(processes, rounds, spread):
    assert _coverage(_ours, processes, rounds, spread) >= 0.9


@pytest.mark.parametrize("spread", [0.02, 0.04])
@pytest.mark.parametrize(("processes", "rounds"), [(1, 30), (3, 5), (5, 3)])
def test_one_over_rounds_does_not(processes, rounds, spread):
    """The test above can fail: 30 rounds of one process hold it in 36 and 18 %, 15 of five processes in 83 and 76 %."""
    assert _coverage(_over_rounds, processes, rounds, spread) < (0.5 if processes == 1 else 0.88)


@pytest.mark.parametrize("spread", [0.02, 0.04])
def test_a_bootstrap_of_three_processes_does_not(spread):
    assert _coverage(_over_both, 3, 10, spread) < 0.9


def test_without_a_spread_of_processes_one_over_rounds_does_too():
    assert _coverage(_over_rounds, 1, 30, 0.0) >= 0.9
