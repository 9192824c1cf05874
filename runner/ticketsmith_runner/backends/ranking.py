"""Rows of the speed table from latencies, and the back-end that a ticket should run on. Pure."""

from collections.abc import Collection, Mapping, Sequence

from ticketsmith.lottery.results import SpeedRow

from ..timing import Rounds, percentiles, ratio
from . import Kind

LEAST_GAIN = 1.02
"""Several back-ends compete, and the fastest of them may owe that to luck: less is not a gain."""


def speed_rows(size: int, latencies: Mapping[str, Sequence[Rounds]], baselines: Collection[str]) -> list[SpeedRow]:
    """One row per back-end at one batch size, from its rounds in each process.

    The best of the baselines, by median latency, is the measure of all.
    """
    baseline = latencies[min(baselines, key=lambda name: percentiles(latencies[name])[0])]
    return [_row(name, size, each, baseline) for name, each in latencies.items()]


def choose(rows: list[SpeedRow], kinds: Mapping[str, Kind]) -> SpeedRow:
    """The fastest ticket among rows of one batch size that is surely faster than dense, else the best dense fp32 row.

    Sure is an interval above LEAST_GAIN and above that of the masked network in dense kernels: that is the same dense
    work, so whatever it seems to gain is noise.
    """
    same = [row.high for row in rows if kinds[row.backend].control and not kinds[row.backend].dense]
    floor = max([LEAST_GAIN, *same])
    if faster := [row for row in rows if kinds[row.backend].ticket and row.low > floor]:
        return max(faster, key=lambda row: row.ratio)
    return min((row for row in rows if kinds[row.backend].baseline), key=lambda row: row.p50)


def _row(name: str, size: int, latencies: Sequence[Rounds], baseline: Sequence[Rounds]) -> SpeedRow:
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
