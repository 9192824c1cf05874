"""Tokens and images: what a network is made for decides, and not its forward pass."""

from ..lottery.results import Ratio, Served
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
    return opponents.QUANTIZE if all(each is not None and each.high < 1 for each in ratios) else ""


def remark(findings: Findings) -> list[str]:
    """The fastest ticket that passes against the fastest network that is none, in units; nothing for forward passes."""
    served = unit(findings)
    if served is None or not (ours := _passed(served, findings)):
        return []
    theirs = [row for row in served.rows if rival(row.arm, standing(row, findings))]
    best = min(theirs, key=lambda row: row.seconds.mean)
    mine = min(ours, key=lambda arm: _seconds(served, arm))
    found = served.ratio(mine, best.arm)
    return [_said(served.unit, mine, best.arm, found)] if found else []


def _said(unit: str, mine: str, best: str, found: Ratio) -> str:
    ratio = f"{times(found.ratio)} [{found.low:.2f}, {found.high:.2f}] as fast"
    ours, theirs = TICKETS[mine], NAMES.get(best, best)
    if found.high < 1:
        return f"{theirs[0].upper()}{theirs[1:]} makes {unit}s faster: {ours} is {ratio}."
    open_end = "" if found.low > 1 else "; neither is surely the faster"
    return f"{ours[0].upper()}{ours[1:]} makes {unit}s {ratio} as {theirs}, the fastest other way{open_end}."


def _passed(served: Served, findings: Findings) -> list[str]:
    """Arms that are tickets and pass."""
    return [row.arm for row in served.rows if ticket(row.arm) and standing(row, findings) == "PASS"]


def _seconds(served: Served, arm: str) -> float:
    return next(row.seconds.mean for row in served.rows if row.arm == arm)
