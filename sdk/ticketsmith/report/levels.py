"""The tables that go level by level: verdicts, controls, early stopping, and every replicate at one level."""

from ..lottery.results import Summary, Verdict
from .findings import Findings
from .numbers import NONE, SPACE, accuracy, bounds, percent, points, removed, signed, updates
from .scorecard import NAMES, NOT_JUDGED
from .table import Table


def verdicts(findings: Findings) -> Table:
    """One row per level: the ticket against dense."""
    loss = findings.spec.gate.loss_margin is not None
    heads = [
        "Level",
        "Sparsity",
        "Weights kept",
        "Ticket accuracy",
        "Change, points",
        "One-sided bounds",
        "Verdict",
        "Reason",
    ]
    heads[6:6] = ["Loss change, nats"] if loss else []
    numeric = [False, *[True] * (6 if loss else 5), False, False]
    rows = []
    for v in findings.arm("ticket"):
        row = [str(v.level), removed(v.sparsity), f"{v.kept:,}", accuracy(v.score)]
        row += [points(v.difference.mean), bounds(v.difference)]
        row += [_loss(v)] if loss else []
        rows.append([*row, v.status, v.reason])
    return Table(heads=heads, numeric=numeric, rows=rows)


def controls(findings: Findings) -> Table:
    """One row per level and control: its accuracy, and what the ticket has over it, with its interval."""
    rows = [
        [str(ticket.level), removed(ticket.sparsity), NAMES[arm], *_beside(findings, arm, ticket)]
        for ticket in findings.arm("ticket")
        for arm in findings.spec.controls
    ]
    heads = ["Level", "Sparsity", "Control", "Test accuracy", "Ticket minus it", "Verdict"]
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
    """One row per level: what accuracy does not show, ticket against dense."""
    heads = ["Level", "Sparsity", "Changed predictions", "Calibration error", "By chance", "Of dense", "By chance"]
    heads += ["Worst class, chosen afterwards", "Its change, points"]
    rows = [
        [
            str(v.level),
            removed(v.sparsity),
            accuracy(each.churn),
            accuracy(each.calibration_error),
            _mean(each.calibrated_error),
            accuracy(each.dense_calibration_error),
            _mean(each.dense_calibrated_error),
            str(each.worst_class),
            _interval(each.worst_class_change),
        ]
        for v in findings.arm("ticket")
        if (each := v.behaviour)
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
    shown = findings.shown
    assert shown is not None, "the caller shows this table only where a level was judged"
    judged = [v for arm in findings.spec.controls if (v := findings.verdict(arm, shown.level))]
    others = [dict(zip(v.replicates, v.test_score, strict=True)) for v in judged]
    rows = []
    for number, dense, ticket in zip(shown.replicates, shown.dense_test_score, shown.test_score, strict=True):
        row = [str(number), percent(dense), percent(ticket), points(ticket - dense)]
        rows.append(row + [percent(each[number]) if number in each else NOT_JUDGED for each in others])
    heads = ["Replicate", "Dense", "Ticket", "Change, points", *(NAMES[v.arm] for v in judged)]
    return Table(heads=heads, numeric=[False, *[True] * (len(heads) - 1)], rows=rows)


def _beside(findings: Findings, arm: str, ticket: Verdict) -> list[str]:
    control = findings.verdict(arm, ticket.level)
    if control is None:
        return [NONE, NONE, NOT_JUDGED]
    return [accuracy(control.score), _lead(control), control.status]


def _lead(control: Verdict) -> str:
    lead = control.dividend
    return f"{points(lead.mean)} {bounds(lead)}" if lead else NONE


def _mean(summary: Summary | None) -> str:
    """The mean alone: the spread of what chance gives is no evidence of anything."""
    return percent(summary.mean) if summary else NONE


def _interval(change: Summary) -> str:
    if change.low is None or change.high is None:
        return points(change.mean)
    return f"{points(change.mean)} [{points(change.low)}, {points(change.high)}]"


def _loss(verdict: Verdict) -> str:
    loss = verdict.loss_difference
    if loss.low is None or loss.high is None:
        return signed(loss.mean, 3)
    return f"{signed(loss.mean, 3)} [{signed(loss.low, 3)}, {signed(loss.high, 3)}]"


def _pace(verdict: Verdict) -> str:
    dense = verdict.dense_early_stop_step.mean
    return f"{verdict.early_stop_step.mean / dense:.2f}" if dense else NONE
