"""A measured speed in words: a gain only where the whole interval lies above 1."""

from ..lottery.results import Speed
from .numbers import NONE, milliseconds, times
from .table import Table

REFERENCE = "1.0x (reference)"
NO_GAIN = "1.0x (no speed-up)"
NOT_MEASURED = "not measured"


def gain(speed: Speed) -> bool:
    """Tell whether the chosen back-end is surely faster than the best dense one. A dense one never is: at most 1."""
    return speed.headline.low > 1


def relative(speed: Speed | None) -> str:
    """The scorecard's throughput of the ticket, over the best dense back-end."""
    if speed is None:
        return NOT_MEASURED
    return f"{times(speed.headline.ratio)} ({speed.chosen})" if gain(speed) else NO_GAIN


def conditions(speed: Speed) -> str:
    """Under what a time was measured."""
    machine = speed.machine
    threads = f"{machine.threads} thread{'s' * (machine.threads > 1)}"
    return f"{speed.headline.backend}, batch {speed.headline.batch_size}, {machine.cpu}, {machine.device}, {threads}"


def repetitions(speed: Speed) -> str:
    """The repetitions that an interval of its ratios is over."""
    if speed.processes == 1:
        return "interleaved rounds of one process, blind to what is fixed in it"
    return f"{speed.processes} processes, each with interleaved rounds"


def reduced(speed: Speed) -> tuple[str, float] | None:
    """The best dense back-end of another precision in the headline's batch, and how often as fast the chosen one is."""
    size, dense = speed.headline.batch_size, speed.precisions.keys() - speed.max_abs_difference.keys()
    rows = [row for row in speed.rows if row.batch_size == size and row.backend in dense]
    best = min(rows, key=lambda row: row.p50, default=None)
    return (label(speed, best.backend), best.p50 / speed.headline.p50) if best else None


def label(speed: Speed, backend: str) -> str:
    """A back-end with what sets it apart from the others."""
    marks = [speed.precisions.get(backend, ""), "control" if backend in speed.controls else ""]
    said = ", ".join(mark for mark in marks if mark)
    return f"{backend} ({said})" if said else backend


def timings(speed: Speed) -> Table:
    """Every back-end at every batch size, in the order it was measured."""
    return Table(
        heads=[
            "Back-end",
            "Batch",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "Examples / s",
            "Ratio to dense",
            "Largest error",
            "First answer s",
        ],
        numeric=[False, True, True, True, True, True, True, True, True],
        rows=[
            [
                label(speed, row.backend),
                str(row.batch_size),
                *(milliseconds(each) for each in (row.p50, row.p95, row.p99)),
                f"{row.throughput:,.0f}",
                f"{times(row.ratio)} [{row.low:.2f}, {row.high:.2f}]",
                _error(speed.max_abs_difference.get(row.backend)),
                f"{speed.cold[row.backend]:.2f}" if row.backend in speed.cold else NONE,
            ]
            for row in speed.rows
        ],
    )


def _error(largest: float | None) -> str:
    return NONE if largest is None else f"{largest:.1e}" if largest else "0"
