"""The verdict on an arm that is served."""

from ..lottery.ladder import LONG
from ..lottery.results import ServedRow
from .accounts import Standing, ticket
from .findings import Findings


def standing(row: ServedRow, findings: Findings) -> Standing:
    """The verdict that concludes the run: of an arm by its name, of one in int8 by its back-end.

    A smaller dense network passes if it does so with the updates of the whole search.
    """
    if row.arm == "dense":
        return "baseline"
    if row.arm.endswith("-int8"):
        ours, speed = row.arm == "ticket-int8", findings.speed
        judged = [q for q in speed.quantized if (q.ticket, q.backend) == (ours, row.backend)] if speed else []
        return judged[0].status if judged else "not judged"
    end = findings.concluding
    level = end.level if end else findings.target
    statuses = [verdict.status for arm in (row.arm, row.arm + LONG) if (verdict := findings.verdict(arm, level))]
    return "PASS" if "PASS" in statuses else statuses[0] if statuses else "not judged"


def rival(arm: str, status: Standing) -> bool:
    """True for what may be had instead of a ticket: dense and smaller networks, unless the gate refused them."""
    return not ticket(arm) and status not in ("FAIL", "INVALID")
