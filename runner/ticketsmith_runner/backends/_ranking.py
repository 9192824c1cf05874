"""Rows of the speed table from latencies, and the back-end that a ticket should run on. Pure."""

from collections.abc import Collection, Mapping

from ticketsmith.lottery.results import SpeedRow

from ..timing import Rounds, percentiles, ratio


def speed_rows(size: int, latencies: Mapping[str, Rounds], dense: Collection[str]) -> list[SpeedRow]:
    """One row per back-end at one batch size. The best of `dense`, by median latency, is the measure of all."""
    baseline = latencies[min(dense, key=lambda name: percentiles(latencies[name])[0])]
    return [_row(name, size, rounds, baseline) for name, rounds in latencies.items()]


def choose(rows: list[SpeedRow], dense: Collection[str]) -> SpeedRow:
    """At the largest batch: the ticket's fastest row if its whole interval lies above 1, else the best dense row."""
    largest = max(row.batch_size for row in rows)
    last = [row for row in rows if row.batch_size == largest]
    fastest = max((row for row in last if row.backend not in dense), key=lambda row: row.ratio, default=None)
    if fastest is not None and fastest.low > 1:
        return fastest
    return min((row for row in last if row.backend in dense), key=lambda row: row.p50)


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
