"""The quality gate: one-sided non-inferiority against dense. The bound decides, not the mean.

After Piaggio et al., Reporting of Noninferiority and Equivalence Randomized Trials, JAMA 308 (2012):
https://doi.org/10.1001/jama.2012.87802. A bound holds for one look: judging many levels, or again after adding
replicates, raises the chance that some PASS is wrong.
"""

from collections.abc import Sequence

from .results import Difference, Status
from .spec import GateRule

EXIT_CODES: dict[Status, int] = {"PASS": 0, "FAIL": 1, "UNDECIDED": 7}
ONE_REPLICATE = "one replicate: the variance over training seeds is unknown; use --replicates"


def judge(accuracy: Difference, loss: Difference, rule: GateRule) -> tuple[Status, str]:
    """PASS, FAIL or UNDECIDED, and the sentence that says why. Loss is judged only if the rule has a loss margin.

    FAIL if any part fails, PASS if all parts pass.
    """
    parts = [judge_accuracy(accuracy, rule)]
    if rule.loss_margin is not None:
        parts.append(judge_loss(loss, rule.loss_margin))
    statuses = {status for status, _ in parts}
    overall: Status = "FAIL" if "FAIL" in statuses else "PASS" if statuses == {"PASS"} else "UNDECIDED"
    return overall, "; ".join(dict.fromkeys(reason for _, reason in parts))  # one replicate is said once


def judge_accuracy(difference: Difference, rule: GateRule) -> tuple[Status, str]:
    """Candidate minus dense, as a fraction: PASS above -margin, FAIL below it, for the bound that argues against it."""
    low, high, limit = difference.low, difference.high, -rule.margin
    if low is None or high is None:
        return "UNDECIDED", ONE_REPLICATE
    least, most, edge = _texts(100 * low, 100 * high, 100 * limit, decimals=2)
    if low > limit:
        return "PASS", f"the lower bound of the difference, {least} points, lies above {edge} points"
    if high < limit:
        return "FAIL", f"the upper bound of the difference, {most} points, lies below {edge} points"
    return "UNDECIDED", f"{edge} points lies between the bounds {least} and {most} points: more --replicates"


def judge_loss(difference: Difference, margin: float) -> tuple[Status, str]:
    """Candidate minus dense, in nats: more loss is worse."""
    low, high = difference.low, difference.high
    if low is None or high is None:
        return "UNDECIDED", ONE_REPLICATE
    least, most, edge = _texts(low, high, margin, decimals=4)
    if high < margin:
        return "PASS", f"the upper bound of the added loss, {most} nats, lies below {edge} nats"
    if low > margin:
        return "FAIL", f"the lower bound of the added loss, {least} nats, lies above {edge} nats"
    return "UNDECIDED", f"{edge} nats lies between the loss bounds {least} and {most} nats: more --replicates"


def diverged(arm: str, replicates: Sequence[int], at: Sequence[int | None]) -> str | None:
    """A sentence if any replicate of an arm diverged: such an arm FAILs, whatever the others say."""
    gone = [f"replicate {r} at update {step}" for r, step in zip(replicates, at, strict=True) if step is not None]
    return f"{arm} diverged (loss is NaN or infinite): {', '.join(gone)}" if gone else None


def _texts(low: float, high: float, limit: float, *, decimals: int) -> list[str]:
    """The three numbers in as few decimals as tell the bounds from the limit: never '-0.50 lies above -0.50'."""
    texts = []
    for places in range(decimals, 12):
        texts = [_signed(value, places) for value in (low, high, limit)]
        if (texts[0] != texts[2] or low == limit) and (texts[1] != texts[2] or high == limit):
            break
    return texts


def _signed(value: float, places: int) -> str:
    text = f"{value:+.{places}f}"
    return text if float(text) else text[1:]  # zero has no sign
