"""The tables that go level by level: verdicts, controls, early stopping, and every replicate at one level."""

from ..lottery.metric import NATS, Metric
from ..lottery.results import Difference, Summary, Verdict
from .arms import ARMS
from .findings import Findings
from .numbers import (
    NONE,
    SHARE,
    SPACE,
    bounds,
    change,
    change_between,
    headed,
    minus,
    percent,
    removed,
    scored,
    updates,
    value,
)
from .scorecard import NOT_JUDGED
from .table import Table


def verdicts(findings: Findings) -> Table:
    """One row per level: the ticket against dense."""
    metric, loss = findings.metric, findings.spec.gate.loss_margin is not None
    heads = ["Level", "Sparsity", "Weights kept", f"Ticket {metric.name}", headed("Change", metric.change_unit)]
    heads += ["One-sided bounds", *(["Loss change, nats"] if loss else []), "Verdict", "Reason"]
    rows = []
    for v in findings.arm("ticket"):
        row = [str(v.level), removed(v.sparsity), f"{v.kept:,}", scored(metric, v.score)]
        row += [change(metric, v.difference.mean), bounds(metric, v.difference)]
        row += [_changed(NATS, v.loss_difference)] if loss else []
        rows.append([*row, v.status, minus(v.reason)])
    return Table(heads=heads, numeric=[False, *[True] * (len(heads) - 3), False, False], rows=rows)


def controls(findings: Findings) -> Table:
    """One row per level and control: its score, and what the ticket has over it, with its interval."""
    rows = [
        [str(ticket.level), removed(ticket.sparsity), ARMS[arm].name, *_beside(findings, arm, ticket)]
        for ticket in findings.arm("ticket")
        for arm in findings.controls
    ]
    heads = ["Level", "Sparsity", "Control", f"Test {findings.metric.name}", "Ticket minus it", "Verdict"]
    return Table(heads=heads, numeric=[False, True, False, True, True, False], rows=rows)


def early_stops(findings: Findings) -> Table:
    """One row per level: the update with the least validation loss, ticket against dense."""
    rows = [
        [str(v.level), removed(v.sparsity), updates(v.early_stop_step), updates(v.dense_early_stop_step), _pace(v)]
        for v in findings.arm("ticket")
    ]
    heads = ["Level", "Sparsity", "Ticket, update", "Dense, update", "Ticket / dense"]
    return Table(heads=heads, numeric=[False, *[True] * 4], rows=rows)


def behaviours(findings: Findings) -> Table:
    """One row per level: what the score of a classifier does not show, ticket against dense."""
    heads = ["Level", "Sparsity", "Changed predictions", "Calibration error", "By chance", "Of dense", "By chance"]
    heads += ["Worst class, chosen afterwards", "Its change, points"]
    rows = [
        [
            str(v.level),
            removed(v.sparsity),
            scored(SHARE, behaviour.churn),
            scored(SHARE, behaviour.calibration_error),
            _mean(behaviour.calibrated_error),
            scored(SHARE, behaviour.dense_calibration_error),
            _mean(behaviour.dense_calibrated_error),
            str(behaviour.worst_class),
            _changed(SHARE, behaviour.worst_class_change),
        ]
        for v in findings.arm("ticket")
        if (behaviour := v.behaviour)
    ]
    return Table(heads=heads, numeric=[False, *[True] * 6, False, True], rows=rows)


def behaviours_note() -> str:
    """Explain the columns of `behaviours`, and how little they say."""
    return (
        "Changed predictions: share of the test split on which the ticket does not say what dense says. Calibration "
        "error: mean distance of confidence and accuracy, in 15 bins. By chance: the error that a perfectly calibrated "
        "net with the same confidences shows on average on as many examples, so that only what lies above it says "
        "anything of the net. Worst class: the one that lost most, chosen afterwards by looking at all of them; its "
        "change and interval make no allowance for that, so it looks worse than it is. Means over replicates with "
        f"95{SPACE}% t intervals; none of it is judged."
    )


def replicates(findings: Findings) -> Table:
    """Every replicate at the level the scorecard shows."""
    shown, metric = findings.shown, findings.metric
    assert shown is not None, "the caller shows this table only where a level was judged"
    arms = (*findings.controls, *(rung.arm for rung in findings.ladder))
    judged = [v for arm in arms if (v := findings.verdict(arm, shown.level))]
    others = [dict(zip(v.replicates, v.test_score, strict=True)) for v in judged]
    rows = []
    for number, dense, ticket in zip(shown.replicates, shown.dense_test_score, shown.test_score, strict=True):
        apart = NONE if ticket is None or dense is None else change(metric, ticket - dense)
        row = [str(number), _known(metric, dense), _known(metric, ticket), apart]
        rows.append(row + [_known(metric, scores[number]) if number in scores else NOT_JUDGED for scores in others])
    heads = ["Replicate", "Dense", "Ticket", headed("Change", metric.change_unit), *(ARMS[v.arm].name for v in judged)]
    return Table(heads=heads, numeric=[False, *[True] * (len(heads) - 1)], rows=rows)


def _known(metric: Metric, score: float | None) -> str:
    return NONE if score is None else value(metric, score)


def _beside(findings: Findings, arm: str, ticket: Verdict) -> list[str]:
    control = findings.verdict(arm, ticket.level)
    if control is None:
        return [NONE, NONE, NOT_JUDGED]
    return [scored(findings.metric, control.score), _lead(findings.metric, control), control.status]


def _lead(metric: Metric, control: Verdict) -> str:
    lead = control.dividend
    return f"{change(metric, lead.mean)} {bounds(metric, lead)}" if lead else NONE


def _mean(summary: Summary | None) -> str:
    """The mean alone: the spread of what chance gives is no evidence of anything."""
    return percent(summary.mean) if summary else NONE


def _changed(metric: Metric, by: Summary | Difference) -> str:
    return f"{change(metric, by.mean)} {change_between(metric, by.low, by.high)}".rstrip()


def _pace(verdict: Verdict) -> str:
    dense = verdict.dense_early_stop_step.mean
    return f"{verdict.early_stop_step.mean / dense:.2f}" if dense else NONE
