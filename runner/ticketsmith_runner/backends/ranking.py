"""Rows of the speed table from latencies, and the back-end that a ticket should run on. Pure."""

from collections.abc import Collection, Mapping, Sequence

from ticketsmith.lottery.results import Ratio, SpeedRow

from ..timing import Rounds, percentiles, ratio
from . import Kind

LEAST_GAIN = 1.02
"""Several back-ends compete, and the fastest of them may owe that to luck: less is not a gain."""


def speed_rows(size: int, latencies: Mapping[str, Sequence[Rounds]], kinds: Mapping[str, Kind]) -> list[SpeedRow]:
    """One row per back-end at one batch size, from its rounds in each process.

    Each is held against the best opponents by median latency: of fp32, of int8, of any precision.
    """
    opponents = [name for name in latencies if kinds[name].opponent]
    fp32 = _best([name for name in opponents if kinds[name].baseline], latencies)
    int8 = _best([name for name in opponents if kinds[name].precision == "int8"], latencies)
    whole = _best(opponents, latencies)
    assert fp32 and whole, "the caller has a baseline"
    rows = []
    for name, rounds in latencies.items():
        to = {best: _ratio(best, latencies[best], rounds) for best in dict.fromkeys((fp32, whole, int8 or fp32))}
        rows.append(_row(name, size, rounds, to[fp32], int8=to[int8] if int8 else None, any=to[whole]))
    return rows


def _best(names: Collection[str], latencies: Mapping[str, Sequence[Rounds]]) -> str | None:
    return min(names, key=lambda name: percentiles(latencies[name])[0], default=None)


def _ratio(to: str, opponent: Sequence[Rounds], latencies: Sequence[Rounds]) -> Ratio:
    middle, low, high = ratio(opponent, latencies)
    return Ratio(to=to, ratio=middle, low=low, high=high)


def choose(rows: list[SpeedRow], kinds: Mapping[str, Kind]) -> SpeedRow:
    """The fastest ticket among rows of one batch size that is surely faster than dense, else the best dense fp32 row.

    A ticket in int8 is another network: the choice is never it.

    Sure is an interval above LEAST_GAIN and above that of the masked network in dense kernels: that is the same dense
    work, so whatever it seems to gain is noise.
    """
    same = [row.high for row in rows if kinds[row.backend].control and not kinds[row.backend].dense]
    floor = max([LEAST_GAIN, *same])
    tickets = [row for row in rows if kinds[row.backend].ticket and not kinds[row.backend].judged]
    if faster := [row for row in tickets if row.low > floor]:
        return max(faster, key=lambda row: row.ratio)
    return min((row for row in rows if kinds[row.backend].baseline), key=lambda row: row.p50)


def _row(name: str, size: int, latencies: Sequence[Rounds], to: Ratio, **others: Ratio | None) -> SpeedRow:
    p50, p95, p99 = percentiles(latencies)
    return SpeedRow(
        backend=name,
        batch_size=size,
        p50=p50,
        p95=p95,
        p99=p99,
        throughput=size / p50,
        ratio=to.ratio,
        low=to.low,
        high=to.high,
        **others,
    )
