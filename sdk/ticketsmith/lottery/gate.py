"""The quality gate: one-sided non-inferiority against dense. The bound decides, not the mean."""

from collections.abc import Sequence

from .results import Difference, Status
from .spec import GateRule

EXIT_CODES: dict[Status, int] = {"PASS": 0, "FAIL": 1, "UNDECIDED": 7}


def judge(accuracy: Difference, loss: Difference, rule: GateRule) -> tuple[Status, str]:
    """PASS, FAIL or UNDECIDED, and the sentence that says why. Loss is judged only if the rule has a loss margin.

    FAIL if any part fails, PASS if all parts pass.
    """
    parts = [judge_accuracy(accuracy, rule)]
    if rule.loss_margin is not None:
        parts.append(judge_loss(loss, rule.loss_margin))
    statuses = {status for status, _ in parts}
    overall: Status = "FAIL" if "FAIL" in statuses else "PASS" if statuses == {"PASS"} else "UNDECIDED"
    return overall, "; ".join(reason for _, reason in parts)


def judge_accuracy(difference: Difference, rule: GateRule) -> tuple[Status, str]:
    """Candidate minus dense, as a fraction: PASS above -margin, FAIL below it, for the bound that argues against it."""
    low, high, limit = difference.low, difference.high, -rule.margin
    if low is None or high is None:
        return "UNDECIDED", "one replicate: the spread over training seeds is unknown, run more --replicates"
    if low > limit:
        return "PASS", f"the lower bound of the difference, {_points(low)}, lies above {_points(limit)}"
    if high < limit:
        return "FAIL", f"the upper bound of the difference, {_points(high)}, lies below {_points(limit)}"
    return "UNDECIDED", f"{_points(limit)} lies between the bounds {_points(low)} and {_points(high)}: more --replicates"


def judge_loss(difference: Difference, margin: float) -> tuple[Status, str]:
    """Candidate minus dense, in nats: more loss is worse."""
    low, high = difference.low, difference.high
    if low is None or high is None:
        return "UNDECIDED", "one replicate: the spread of the loss over training seeds is unknown"
    if high < margin:
        return "PASS", f"the upper bound of the added loss, {high:+.4f} nats, lies below {margin:+.4f}"
    if low > margin:
        return "FAIL", f"the lower bound of the added loss, {low:+.4f} nats, lies above {margin:+.4f}"
    return "UNDECIDED", f"{margin:+.4f} nats lies between the loss bounds {low:+.4f} and {high:+.4f}"


def diverged(arm: str, replicates: Sequence[int], at: Sequence[int | None]) -> str | None:
    """A sentence if any replicate of an arm diverged: such an arm FAILs, whatever the others say."""
    gone = [f"replicate {r} at update {step}" for r, step in zip(replicates, at, strict=True) if step is not None]
    return f"{arm} diverged (loss is NaN or infinite): {', '.join(gone)}" if gone else None


def _points(fraction: float) -> str:
    return f"{100 * fraction:+.2f} points"
