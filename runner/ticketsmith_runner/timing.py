"""Interleaved timing of several calls in one process, and what follows from it: a ratio with an interval.

Times are seconds. Rounds are the unit of repetition: a slow second of the machine hits every call of its round.
"""

import time
from collections.abc import Callable, Mapping

import numpy as np

Clock = Callable[[], float]
Rounds = list[list[float]]
"""Latencies of one call, (rounds, calls in the round); rounds differ in length."""

RESAMPLES = 10_000


def measure(
    calls: Mapping[str, Callable[[], object]], rounds: int, seconds: float, clock: Clock = time.perf_counter
) -> dict[str, Rounds]:
    """Time every call for about `seconds` in each round, after one unrecorded round.

    A call is made at least once a round, however long it takes. Each round has an order of its own, drawn from a seed:
    what comes before a call may slow it down (threads that still spin, a cache that is full), so that must change.
    """
    names = list(calls)
    for name in names:
        _sample(calls[name], seconds, clock)
    latencies: dict[str, Rounds] = {name: [] for name in names}
    draws = np.random.default_rng(0)
    for _ in range(rounds):
        for place in draws.permutation(len(names)):
            latencies[names[place]].append(_sample(calls[names[place]], seconds, clock))
    return latencies


def ratio(baseline: Rounds, candidate: Rounds) -> tuple[float, float, float]:
    """Speed of the candidate over the other: median over rounds of the ratio of median latencies, paired by round.

    With it the 95 % percentile-bootstrap interval over rounds. The resampling is seeded: equal times, equal interval.
    """
    ratios = np.array([np.median(b) / np.median(c) for b, c in zip(baseline, candidate, strict=True)])
    drawn = np.random.default_rng(0).integers(len(ratios), size=(RESAMPLES, len(ratios)))
    low, high = np.percentile(np.median(ratios[drawn], axis=1), [2.5, 97.5])
    return float(np.median(ratios)), float(low), float(high)


def percentiles(latencies: Rounds) -> tuple[float, float, float]:
    """p50, p95 and p99 over all calls of all rounds."""
    p50, p95, p99 = np.percentile(np.concatenate(latencies), [50, 95, 99])
    return float(p50), float(p95), float(p99)


def _sample(call: Callable[[], object], seconds: float, clock: Clock) -> list[float]:
    """Latencies of calls until `seconds` have passed."""
    latencies: list[float] = []
    began = after = clock()
    while not latencies or after - began < seconds:
        before = clock()
        call()
        after = clock()
        latencies.append(after - before)
    return latencies
