"""Rows of the speed table from latencies, and the back-end that a ticket should run on. Pure."""

from collections.abc import Collection, Mapping

from ticketsmith.lottery.results import SpeedRow

from ..timing import Rounds, percentiles, ratio

CONTROL = "masked"
LEAST_GAIN = 1.02
"""A bootstrap over rounds is blind to what is fixed in a process (memory layout, a neighbour): less is not a gain."""


def speed_rows(size: int, latencies: Mapping[str, Rounds], dense: Collection[str]) -> list[SpeedRow]:
    """One row per back-end at one batch size. The best of `dense`, by median latency, is the measure of all."""
    baseline = latencies[min(dense, key=lambda name: percentiles(latencies[name])[0])]
    return [_row(name, size, rounds, baseline) for name, rounds in latencies.items()]


def choose(rows: list[SpeedRow], dense: Collection[str]) -> SpeedRow:
    """Of rows of one batch size: the fastest that is surely faster than dense, else the best dense one.

    Sure is an interval above LEAST_GAIN and above that of the control: the masked network is the same dense work, so
    whatever it seems to gain is noise. The control itself is never chosen.
    """
    floor = max([LEAST_GAIN, *(row.high for row in rows if row.backend == CONTROL)])
    faster = [row for row in rows if row.backend not in {CONTROL, *dense} and row.low > floor]
    if faster:
        return max(faster, key=lambda row: row.ratio)
    return min((row for row in rows if row.backend in dense), key=lambda row: row.p50)


def _row(name: str, size: int, latencies: Rounds, baseline: Rounds) -> SpeedRow:
    p50, p95, p99 = percentiles(latencies)
    middle, low, high = ratio(baseline, latencies)
    return SpeedRow(
        backend=name,
        batch_size=size,
        p50=p50,
        p95=p95,
        p99=p99,
        throughput=size / p50,
        ratio=middle,
        low=low,
        high=high,
    )
