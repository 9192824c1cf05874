"""report.json: every fact and every conclusion, for machines. The schema's number changes when a field does."""

from typing import Any

from ..documents import canonical
from . import ladder
from .bill import sentence
from .cost import cost
from .decision import decide, remarks
from .dividend import dividend
from .findings import Findings
from .limits import limits
from .scorecard import scorecard
from .zones import RULE, zones

SCHEMA = "ticketsmith.report/3"


def render(findings: Findings) -> bytes:
    """The findings with what follows from them, as canonical JSON."""
    decision, ends, priced = decide(findings), zones(findings.arm("ticket")), cost(findings)
    return canonical(
        {
            "schema": SCHEMA,
            "decision": decision.model_dump(mode="json")
            | {"sentence": decision.sentence, "remarks": remarks(findings)},
            "scorecard": [row.model_dump(mode="json") for row in scorecard(findings)],
            "zones": {
                "rule": RULE,
                "safe_sparsity": ends.safe.sparsity if ends.safe else None,
                "breaking_sparsity": ends.breaking.sparsity if ends.breaking else None,
            },
            "dividend": dividend(findings),
            "ladder": _ladder(findings),
            "limits": limits(findings),
            "cost": priced.model_dump(mode="json") | {"sentence": sentence(priced)} if priced else None,
            "findings": findings.model_dump(mode="json", exclude={"schema_version"}),
        }
    )


def _ladder(findings: Findings) -> dict[str, Any] | None:
    """The smaller dense networks at the target, the one to take or that is open; null where the run has none."""
    if not (every := ladder.steps(findings)):
        return None
    take, open_ = ladder.taken(findings), ladder.doubted(findings)
    return {
        "take": take.arm.arm if take else None,
        "open": open_.arm.arm if open_ else None,
        "equal_time_weights": ladder.equal_time(findings),
        "arms": [
            step.arm.model_dump(mode="json")
            | {
                "status": step.verdict.status,
                "score": step.verdict.score.model_dump(mode="json"),
                "ticket_minus_it": step.verdict.dividend.model_dump(mode="json") if step.verdict.dividend else None,
                "speed": step.speed.model_dump(mode="json") if step.speed else None,
            }
            for step in every
        ],
    }
