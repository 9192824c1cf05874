"""Interleaved timing of several calls in one process, and what follows from it: a ratio with an interval.

Times are seconds. A round has every call in it: a slow second of the machine hits all of them.
"""

import time
from collections.abc import Callable, Mapping
from itertools import cycle, islice

import numpy as np

Clock = Callable[[], float]
Rounds = list[list[float]]
"""Latencies of one call, (rounds, calls in the round); rounds differ in length."""

RESAMPLES = 10_000


def measure(
    calls: Mapping[str, Callable[[], object]],
    rounds: int,
    seconds: float,
    clock: Clock = time.perf_counter,
    first: int = 0,
) -> dict[str, Rounds]:
    """Time every call for about `seconds` in each round, after one unrecorded round.

    A call is made at least once a round, however long it takes. Each round has an order of its own: what comes before a
    call may slow it down (threads that still spin, a cache that is full), so that must change. Where several processes
    share the rounds, each takes up the orders at the number of its `first` one.
    """
    names = list(calls)
    for name in names:
        _sample(calls[name], seconds, clock)
    latencies: dict[str, Rounds] = {name: [] for name in names}
    for order in islice(cycle(orders(len(names))), first, first + rounds):
        for place in order:
            latencies[names[place]].append(_sample(calls[names[place]], seconds, clock))
    return latencies


def orders(count: int) -> list[list[int]]:
    """2 * `count` orders in which each follows each other one exactly twice, drawn from a seed.

    The two squares of E. J. Williams, Austral. J. Sci. Res. A 2 (1949), 149-168, of which an even number needs but one.
    """
    row = [place // 2 if place % 2 == 0 else count - 1 - place // 2 for place in range(count)]
    square = [[(each + shift) % count for each in row] for shift in range(count)]
    both = square + [row[::-1] for row in square]
    return [both[place] for place in np.random.default_rng(0).permutation(len(both))]


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
    """Latencies of calls until `seconds` have passed beside the longest one.

    A call that waits while the scheduler serves others takes as long as their time slice: were it counted, one such
    call could be all of a sample.
    """
    latencies: list[float] = []
    longest, began = 0.0, clock()
    while True:
        before = clock()
        call()
        after = clock()
        latencies.append(after - before)
        longest = max(longest, after - before)
        if after - began - longest >= seconds:
            return latencies
