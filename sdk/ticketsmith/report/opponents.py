"""The best dense network of any precision against what was chosen. Where int8 is faster and good enough, it is said."""

from ..lottery.choices import TICKET_IN_INT8
from ..lottery.results import Quantized, Ratio, Speed, SpeedRow
from .numbers import times

QUANTIZE = "int8 dense is faster: quantize instead"
NAMED = 5
"""Layers of a sentence."""
STANDS = {
    "PASS": "and passes the gate",
    "FAIL": "and fails the gate",
    "UNDECIDED": "and the gate is undecided about it",
    "INVALID": "and nothing is shown of its quality",
}


def quantized(speed: Speed) -> Quantized | None:
    """The verdict on dense in int8 that counts: that which passes or, where none does, that on the fastest.

    Of what was timed as a forward pass; what makes tokens alone counts where tokens do.
    """
    timed = {row.backend for row in speed.rows}
    dense = [verdict for verdict in speed.quantized if not verdict.ticket and verdict.backend in timed]
    return next((verdict for verdict in dense if verdict.status == "PASS"), next(iter(dense), None))


def ticket_in_int8(speed: Speed) -> tuple[SpeedRow, Quantized | None] | None:
    """The ticket in int8 in the headline's batch, with its verdict; None where it was not timed."""
    judged = next((verdict for verdict in speed.quantized if verdict.ticket), None)
    rows = [row for row in speed.rows if row.batch_size == speed.headline.batch_size]
    ticket = next((row for row in rows if row.backend == TICKET_IN_INT8), None)
    return (ticket, judged) if ticket else None


def left_in_fp32(judged: Quantized | None) -> str:
    """Layers of the ticket in int8 that are in fp32: the first few names, and how many more."""
    names = judged.left if judged else []
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def gained(speed: Speed) -> str:
    """A sentence on the ticket in int8, where it is surely faster than the best dense of any precision."""
    if (ticket := ticket_in_int8(speed)) is None:
        return ""
    row, judged = ticket
    best = row.any
    if best is None or best.low <= 1:
        return ""
    stands = STANDS[judged.status] if judged else "and was not judged"
    precision = speed.precisions.get(best.to, "fp32")
    pace = f"{times(best.ratio)} as fast as {best.to}, the fastest dense one ({precision})"
    return f" In int8 the ticket is {pace}, {stands}."


def row_of(speed: Speed, backend: str) -> SpeedRow:
    """A back-end in the headline's batch."""
    size = speed.headline.batch_size
    return next(row for row in speed.rows if (row.backend, row.batch_size) == (backend, size))


def quantize(speed: Speed | None) -> str:
    """`int8 dense is faster: quantize instead`, where it surely is, and passes the gate, and the ticket in int8 is no
    better; else nothing."""
    best = speed.headline.int8 if speed else None
    judged = quantized(speed) if speed else None
    if best is None or judged is None or judged.status != "PASS" or best.high >= 1:
        return ""
    assert speed is not None
    faster = judged.backend == best.to or row_of(speed, judged.backend).p50 < speed.headline.p50
    ours = ticket_in_int8(speed)
    if ours and ours[1] and ours[1].status == "PASS" and ours[0].p50 < row_of(speed, judged.backend).p50:
        return ""
    return QUANTIZE if faster else ""


def in_fp32(speed: Speed) -> str:
    """`onnxruntime, the best dense one in fp32`, and of any precision where it is that as well."""
    best, size = speed.headline.any, speed.headline.batch_size
    of = "of any precision" if best and best.to == speed.opponent(size) else "in fp32"
    return f"{speed.opponent(size)}, the best dense one {of}"


def of_another_precision(speed: Speed) -> Ratio | None:
    """The ratio to the best dense one of any precision, where that is none of fp32."""
    best = speed.headline.any
    return best if best and best.to in speed.precisions else None


def faster(speed: Speed, advises: bool) -> str:
    """A sentence on the best dense one of another precision, where it is surely faster than what was chosen."""
    best = of_another_precision(speed)
    if best is None or best.high >= 1:
        return ""
    judged, precision = quantized(speed), speed.precisions[best.to]
    if judged and advises and quantize(speed):
        ratio = speed.headline.p50 / row_of(speed, judged.backend).p50
        return f" Int8 dense is faster: quantize instead ({judged.backend}, {times(ratio)} as fast, {STANDS['PASS']})."
    standing = next((f", {STANDS[verdict.status]}" for verdict in speed.quantized if verdict.backend == best.to), "")
    standing = standing or (", and was not judged" if precision == "int8" else "")
    return f" Dense in {precision} is faster ({best.to}, {times(1 / best.ratio)} as fast{standing})."
