"""Interleaved timing of several calls in one process, and what follows from several: a ratio with an interval.

Times are seconds. A round has every call in it: a slow second of the machine hits all of them.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle, islice
from math import exp2, log2

import numpy as np

from .energy import Within, unmetered

ENOUGH = 10
"""Times `seconds` after which a sample ends, whatever it was: a call of that length is no time slice's doing."""
WARM = 0.25
"""Share of `seconds` for each call in the round that is not recorded: it was called before, to be checked."""
Clock = Callable[[], float]
Rounds = list[list[float]]
"""Latencies of one call in one process, (rounds, calls in the round); rounds differ in length."""


def measure(
    calls: Mapping[str, Callable[[], object]],
    rounds: int,
    seconds: float,
    clock: Clock = time.perf_counter,
    first: int = 0,
    within: Within = unmetered,
) -> dict[str, Rounds]:
    """Time every call for about `seconds` in each round, after one unrecorded round.

    A call is made at least once a round, however long it takes. Each round has an order of its own: what comes before a
    call may slow it down (threads that still spin, a cache that is full), so that must change. Where several processes
    share the rounds, each takes up the orders at the number of its `first` one. `within` a call's name are its samples.
    """
    names = list(calls)
    for name in names:
        _sample(calls[name], WARM * seconds, clock)
    latencies: dict[str, Rounds] = {name: [] for name in names}
    for order in islice(cycle(orders(len(names))), first, first + rounds):
        for place in order:
            with within(names[place]):
                latencies[names[place]].append(_sample(calls[names[place]], seconds, clock))
    return latencies


def orders(count: int) -> list[list[int]]:
    """2 * `count` orders in which each follows each other one exactly twice, drawn from a seed.

    The two squares of E. J. Williams, Austral. J. Sci. Res. A 2 (1949), 149-168, of which an even number needs but one.
    """
    row = [place // 2 if place % 2 == 0 else count - 1 - place // 2 for place in range(count)]
    square = [[(call + shift) % count for call in row] for shift in range(count)]
    both = square + [row[::-1] for row in square]
    return [both[place] for place in np.random.default_rng(0).permutation(len(both))]


def ratio(baseline: Sequence[Rounds], candidate: Sequence[Rounds]) -> tuple[float, float, float]:
    """Speed of the candidate over the other, both in the same processes, and its 95 % interval.

    What a process says is the median over rounds of the ratio of median latencies, paired by round; all of them say the
    geometric mean of that, with Student's t interval of the logarithms. Processes are the repetitions: rounds of one
    share where its memory and its code lie. After Georges, Buytaert & Eeckhout, Statistically rigorous Java performance
    evaluation (OOPSLA 2007), who do so with steady states of virtual machines; see Kalibera & Jones, Rigorous
    benchmarking in reasonable time (ISMM 2013), for repetition at the level that varies. A bootstrap of so few
    processes is too narrow (tests/benchmark/test_coverage.py). A single process has its rounds for repetitions, and an
    interval that is blind to what is fixed in it; a single round has no width.
    """
    from .statistics import summary  # and scipy, which no process waits for that measures alone

    pairs = zip(baseline, candidate, strict=True)
    logs = [[log2(np.median(b) / np.median(c)) for b, c in zip(*pair, strict=True)] for pair in pairs]
    interval = summary(logs[0] if len(logs) == 1 else [float(np.median(process)) for process in logs])
    low, high = (interval.mean if end is None else end for end in (interval.low, interval.high))
    return exp2(interval.mean), exp2(low), exp2(high)


def percentiles(latencies: Sequence[Rounds]) -> tuple[float, float, float]:
    """p50, p95 and p99 over all calls of all rounds of all processes."""
    p50, p95, p99 = np.percentile([call for rounds in latencies for calls in rounds for call in calls], [50, 95, 99])
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
        if after - began >= ENOUGH * seconds or after - began - longest >= seconds:
            return latencies
