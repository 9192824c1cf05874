"""The lottery dividend: what the ticket has over the best of its controls, and whether that is anything."""

from ..lottery.results import Verdict
from .findings import Findings
from .numbers import bounds, points, removed
from .scorecard import NAMES


def best_control(findings: Findings, level: int) -> Verdict | None:
    """The control with the highest accuracy at a level: what a ticket has to beat there."""
    judged = [v for arm in findings.spec.controls if (v := findings.verdict(arm, level)) and v.dividend]
    return max(judged, key=lambda verdict: verdict.score.mean, default=None)


def dividend(findings: Findings) -> str | None:
    """The dividend at the level that the scorecard shows, in one sentence; None where no control was judged."""
    shown = findings.shown
    control = best_control(findings, shown.level) if shown else None
    if shown is None or control is None or control.dividend is None:
        return None
    lead = control.dividend
    where, over = f"at {removed(shown.sparsity)}", f"{NAMES[control.arm]}, the best control"
    if lead.low is None or lead.high is None:
        return f"Lottery dividend {where}: {points(lead.mean)} points over {over}; one replicate has no interval."
    text = f"{points(lead.mean)} points {bounds(lead)} over {over}"
    count = len(findings.spec.controls)
    text += f" (95 % for all {count} controls together)" if count > 1 else " (95 %)"
    if lead.low > 0:
        return f"Lottery dividend {where}: {text}."
    if lead.high < 0:
        return f"No dividend {where}: {text}; the control is better."
    return f"No dividend {where}: {text}; the interval includes 0."
