"""A measured speed in words: a gain only where the whole interval lies above 1."""

from ..lottery.metric import Metric
from ..lottery.results import Quantized, Speed
from .numbers import NONE, bounds, change, headed, milliseconds, minus, scored, times
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
    note = ", ".join(mark for mark in marks if mark)
    return f"{backend} ({note})" if note else backend


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
                *(milliseconds(percentile) for percentile in (row.p50, row.p95, row.p99)),
                f"{row.throughput:,.0f}",
                f"{times(row.ratio)} [{row.low:.2f}, {row.high:.2f}]",
                *(times(best.ratio) if best else NONE for best in (row.int8, row.any)),
                _error(speed.max_abs_difference.get(row.backend)),
                f"{speed.cold[row.backend]:.2f}" if row.backend in speed.cold else NONE,
            ]
            for row in speed.rows
        ],
    )


def not_timed(speed: Speed) -> list[str]:
    """A sentence for each reason why back-ends were not timed."""
    reasons: dict[str, list[str]] = {}
    for refusal in speed.refused:
        reasons.setdefault(refusal.reason, []).append(refusal.backend)
    return [f"Not timed: {', '.join(names)}: {reason}" for reason, names in reasons.items()]


def in_int8(speed: Speed, metric: Metric) -> Table:
    """A row for each verdict on int8, against dense in fp32."""
    heads = ["In int8", f"Test {metric.name}", headed("Change", metric.change_unit), "One-sided bounds"]
    rows = [
        [
            _whole(verdict),
            scored(metric, verdict.score),
            change(metric, verdict.difference.mean),
            bounds(metric, verdict.difference),
            verdict.status,
            minus(verdict.reason),
        ]
        for verdict in speed.quantized
    ]
    return Table(heads=[*heads, "Verdict", "Reason"], numeric=[False, True, True, True, False, False], rows=rows)


def _whole(judged: Quantized) -> str:
    """The network that is judged in int8: `ticket, ticket-int8 (in fp32: 3.weight)`."""
    left = f" (in fp32: {left_in_fp32(judged)})" if judged.left else ""
    return f"{'ticket' if judged.ticket else 'dense'}, {judged.backend}{left}"


def _error(largest: float | None) -> str:
    return NONE if largest is None else f"{largest:.1e}" if largest else "0"
