"""Tokens and images: what a network is made for decides, and not its forward pass."""

from ..lottery.results import Ratio, Served, ServedRow
from . import opponents
from .accounts import ticket
from .bill import NAMES
from .findings import Findings
from .numbers import times
from .standing import rival, standing

TICKETS = {"ticket": "the ticket", "ticket-int8": "the ticket in int8"}


def unit(findings: Findings) -> Served | None:
    """Tokens or images as they were timed; None where forward passes are what is served."""
    served = findings.speed.served if findings.speed else None
    return served if served and served.unit != "inference" else None


def quantize(findings: Findings) -> str:
    """`int8 dense is faster`, where it makes units surely faster than every ticket that passes, and passes the gate."""
    if (served := unit(findings)) is None:
        return opponents.quantize(findings.speed)
    dense = next((row for row in served.rows if row.arm == "dense-int8"), None)
    ours = _passed(served, findings)
    if dense is None or not ours or standing(dense, findings) != "PASS":
        return ""
    ratios = [served.ratio(arm, "dense-int8") for arm in ours]
    return opponents.QUANTIZE if all(ratio is not None and ratio.high < 1 for ratio in ratios) else ""


def remark(findings: Findings) -> list[str]:
    """The fastest ticket that passes against the fastest network that is none, in units; nothing for forward passes."""
    served = unit(findings)
    if served is None or not _passed(served, findings) or (mine := best(served, findings)) is None:
        return []
    other = fastest_other(served, findings)
    ratio = served.ratio(mine.arm, other.arm)
    return [_said(served.unit, mine.arm, other.arm, ratio)] if ratio else []


def _said(unit: str, mine: str, other: str, speed: Ratio) -> str:
    ratio = f"{times(speed.ratio)} [{speed.low:.2f}, {speed.high:.2f}] as fast"
    ours, theirs = TICKETS[mine], NAMES.get(other, other)
    if speed.high < 1:
        return f"{theirs[0].upper()}{theirs[1:]} makes {unit}s faster: {ours} is {ratio}."
    open_end = "" if speed.low > 1 else "; neither is surely the faster"
    return f"{ours[0].upper()}{ours[1:]} makes {unit}s {ratio} as {theirs}, the fastest other way{open_end}."


def fastest_other(served: Served, findings: Findings) -> ServedRow:
    """The fastest network that is no ticket, unless the gate refused it; dense in fp32 is always among them."""
    theirs = [row for row in served.rows if rival(row.arm, standing(row, findings))]
    return min(theirs, key=lambda row: row.seconds.mean)


def best(served: Served, findings: Findings) -> ServedRow | None:
    """The fastest ticket that passes, or the fastest of all where none does."""
    tickets = [row for row in served.rows if ticket(row.arm)]
    passed = [row for row in tickets if standing(row, findings) == "PASS"]
    return min(passed or tickets, key=lambda row: row.seconds.mean, default=None)


def _passed(served: Served, findings: Findings) -> list[str]:
    """Arms that are tickets and pass."""
    return [row.arm for row in served.rows if ticket(row.arm) and standing(row, findings) == "PASS"]
