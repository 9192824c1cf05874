"""A measured speed in words: a gain only where the whole interval lies above 1."""

from ..lottery.metric import Metric
from ..lottery.results import Quantized, Speed
from .numbers import NONE, bounds, change, headed, milliseconds, scored, times
from .opponents import left_in_fp32
from .table import Table

REFERENCE = "1.0x (reference)"
NO_GAIN = "1.0x (no speed-up)"
NOT_MEASURED = "not measured"


def gain(speed: Speed) -> bool:
    """Tell whether the chosen back-end is surely faster than the best dense fp32 one, which a dense one never is."""
    return speed.headline.low > 1


def relative(speed: Speed | None) -> str:
    """The scorecard's throughput of the ticket, over the best dense fp32 back-end."""
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


def label(speed: Speed, backend: str) -> str:
    """A back-end with what sets it apart from the others."""
    marks = [speed.precisions.get(backend, ""), "control" if backend in speed.controls else ""]
    said = ", ".join(mark for mark in marks if mark)
    return f"{backend} ({said})" if said else backend


def timings(speed: Speed) -> Table:
    """Every back-end at every batch size, in the order it was measured; ratios to the best dense ones."""
    return Table(
        heads=[
            "Back-end",
            "Batch",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "Examples / s",
            "To fp32",
            "To int8",
            "To any",
            "Largest error",
            "First answer s",
        ],
        numeric=[False, *[True] * 10],
        rows=[
            [
                label(speed, row.backend),
                str(row.batch_size),
                *(milliseconds(each) for each in (row.p50, row.p95, row.p99)),
                f"{row.throughput:,.0f}",
                f"{times(row.ratio)} [{row.low:.2f}, {row.high:.2f}]",
                *(times(best.ratio) if best else NONE for best in (row.int8, row.any)),
                _error(speed.max_abs_difference.get(row.backend)),
                f"{speed.cold[row.backend]:.2f}" if row.backend in speed.cold else NONE,
            ]
            for row in speed.rows
        ],
    )


def in_int8(speed: Speed, metric: Metric) -> Table:
    """A row for each verdict on int8, against dense in fp32."""
    heads = ["In int8", f"Test {metric.name}", headed("Change", metric.change_unit), "One-sided bounds"]
    rows = [
        [
            _whole(each),
            scored(metric, each.score),
            change(metric, each.difference.mean),
            bounds(metric, each.difference),
            each.status,
            each.reason,
        ]
        for each in speed.quantized
    ]
    return Table(heads=[*heads, "Verdict", "Reason"], numeric=[False, True, True, True, False, False], rows=rows)


def _whole(each: Quantized) -> str:
    """The network that is judged in int8: `ticket, ticket-int8 (in fp32: 3.weight)`."""
    left = f" (in fp32: {left_in_fp32(each)})" if each.left else ""
    return f"{'ticket' if each.ticket else 'dense'}, {each.backend}{left}"


def _error(largest: float | None) -> str:
    return NONE if largest is None else f"{largest:.1e}" if largest else "0"
