"""report.json: every fact and every conclusion, for machines. The schema's number changes when a field does."""

from ..documents import canonical
from .decision import decide, remarks
from .dividend import dividend
from .findings import Findings
from .limits import limits
from .scorecard import scorecard
from .zones import RULE, zones

SCHEMA = "ticketsmith.report/2"


def render(findings: Findings) -> bytes:
    """The findings with what follows from them, as canonical JSON."""
    decision, found = decide(findings), zones(findings.arm("ticket"))
    return canonical(
        {
            "schema": SCHEMA,
            "decision": decision.model_dump(mode="json")
            | {"sentence": decision.sentence, "remarks": remarks(findings)},
            "scorecard": [row.model_dump(mode="json") for row in scorecard(findings)],
            "zones": {
                "rule": RULE,
                "safe_sparsity": found.safe.sparsity if found.safe else None,
                "breaking_sparsity": found.breaking.sparsity if found.breaking else None,
            },
            "dividend": dividend(findings),
            "limits": limits(findings),
            "findings": findings.model_dump(mode="json", exclude={"schema_version"}),
        }
    )
