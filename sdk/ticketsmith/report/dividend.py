"""The lottery dividend: what the ticket has over the best of its controls, and whether that is anything."""

from ..lottery.results import Verdict
from .arms import ARMS
from .bound import against, favouring
from .findings import Findings
from .numbers import bounds, change, removed, unit


def best_control(findings: Findings, level: int) -> Verdict | None:
    """The control with the best score at a level: what a ticket has to beat there."""
    judged = [v for arm in findings.controls if (v := findings.verdict(arm, level)) and v.dividend]
    return min(judged, key=lambda verdict: findings.metric.harm(verdict.score.mean), default=None)


def dividend(findings: Findings) -> str | None:
    """The dividend at the level that the scorecard shows, in one sentence; None where no control was judged."""
    shown, metric = findings.shown, findings.metric
    control = best_control(findings, shown.level) if shown else None
    if shown is None or control is None or control.dividend is None:
        return None
    lead, count = control.dividend, len(findings.controls)
    where, amount = f"at {removed(shown.sparsity)}", f"{change(metric, lead.mean)}{unit(metric)}"
    beside = f"{'over' if metric.higher_is_better else 'against'} {ARMS[control.arm].name}, the best control"
    worst, best = against(metric, lead).value, favouring(metric, lead).value
    if worst is None or best is None:
        return f"Lottery dividend {where}: {amount} {beside}; one replicate has no interval."
    text = f"{amount} {bounds(metric, lead)} {beside}"
    text += f" (95 % for all {count} controls together)" if count > 1 else " (95 %)"
    if metric.harm(worst) < 0:
        return f"Lottery dividend {where}: {text}."
    if metric.harm(best) > 0:
        return f"No dividend {where}: {text}; the control is better."
    return f"No dividend {where}: {text}; the interval includes 0."
