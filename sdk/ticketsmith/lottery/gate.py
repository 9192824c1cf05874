"""The quality gate: one-sided non-inferiority against dense. The bound decides, not the mean.

After Piaggio et al., Reporting of Noninferiority and Equivalence Randomized Trials, JAMA 308 (2012):
https://doi.org/10.1001/jama.2012.87802. A bound holds for one level and all looks that the run may take.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

from .collapse import at_least, at_most, least, shared
from .results import Difference, Status
from .spec import Collapse, GateRule

EXIT_CODES: dict[Status, int] = {"PASS": 0, "FAIL": 1, "UNDECIDED": 7, "INVALID": 8}
ONE_REPLICATE = "one replicate: the variance over training seeds is unknown; use --replicates"
CARRIERS = 35
"""Examples that must carry an added loss before its mean has a bound; tests/gate/worlds.py has what fewer lead to."""

Part = tuple[Status, str]


def judge(accuracy: Difference, loss: Difference, rule: GateRule, *others: Part) -> Part:
    """A status and the sentence that says why. Loss is judged only if the rule has a loss margin.

    FAIL if any part fails, PASS if all parts pass; `others` are parts that were judged apart.
    """
    parts = [judge_accuracy(accuracy, rule), *others]
    if rule.loss_margin is not None:
        parts.append(judge_loss(loss, rule.loss_margin, rule.confidence))
    statuses = {status for status, _ in parts}
    overall: Status = "FAIL" if "FAIL" in statuses else "PASS" if statuses == {"PASS"} else "UNDECIDED"
    return overall, "; ".join(dict.fromkeys(reason for _, reason in parts))  # one replicate is said once


def judge_accuracy(difference: Difference, rule: GateRule) -> Part:
    """Candidate minus dense, as a fraction: PASS above -margin, FAIL below it, for the bound that argues against it."""
    low, high, limit = difference.low, difference.high, -rule.margin
    if low is None or high is None:
        return "UNDECIDED", ONE_REPLICATE
    least, most, edge = _texts(100 * low, 100 * high, 100 * limit, decimals=2)
    bound = f"one-sided {level(rule.confidence)}"
    if low > limit:
        return "PASS", f"the {bound} lower bound of the difference, {least} points, lies above {edge} points"
    if high < limit:
        return "FAIL", f"the {bound} upper bound of the difference, {most} points, lies below {edge} points"
    if too_few(difference, rule.margin, rule.confidence):
        few, needed = difference.examples, examples_needed(rule.margin, rule.confidence)
        return "UNDECIDED", (
            f"{few:,} test examples cannot show a margin of {100 * rule.margin:g} points at {level(rule.confidence)}: "
            f"even a ticket that loses none takes {needed:,}"
        )
    return "UNDECIDED", f"{edge} points lies between the {bound} bounds {least} and {most} points"


def judge_loss(difference: Difference, margin: float, confidence: float) -> Part:
    """Candidate minus dense, in nats: more loss is worse."""
    low, high = difference.low, difference.high
    if low is None or high is None:
        return "UNDECIDED", ONE_REPLICATE
    least, most, edge = _texts(low, high, margin, decimals=4)
    bound = f"one-sided {level(confidence)}"
    if low > margin:
        return "FAIL", f"the {bound} lower bound of the added loss, {least} nats, lies above {edge} nats"
    if difference.carriers is not None and difference.carriers < CARRIERS:
        return "UNDECIDED", (
            f"about {max(difference.carriers, 1):.0f} test examples carry the added loss, and fewer than {CARRIERS} "
            "leave its mean without a bound"
        )
    if high < margin:
        return "PASS", f"the {bound} upper bound of the added loss, {most} nats, lies below {edge} nats"
    return "UNDECIDED", f"{edge} nats lies between the {bound} bounds of the added loss, {least} and {most} nats"


def judge_collapse(lost: int, of: int, rule: Collapse, confidence: float, looks: int) -> Part:
    """Trainings that lost more than `rule.points`: PASS if surely fewer than `rule.at_most` of all do."""
    sure, points = (
        shared(confidence, looks),
        f"{lost} of {of} trainings lost more than {rule.points:g} point{'s' * (rule.points != 1)}",
    )
    most, fewest = at_most(lost, of, sure), at_least(lost, of, sure)
    if most <= rule.at_most:
        return "PASS", f"{points}, so that at most {most:.1%} of all do, and {rule.at_most:.1%} may"
    if fewest > rule.at_most:
        return "FAIL", f"{points}, so that at least {fewest:.1%} of all do, and {rule.at_most:.1%} may"
    more = f", which takes {needed} replicates to show" if (needed := least(rule.at_most, sure)) > of else ""
    return "UNDECIDED", f"{points}, which leaves up to {most:.1%} of all possible, and {rule.at_most:.1%} may{more}"


def too_few(difference: Difference, margin: float, confidence: float) -> bool:
    """True if the number of test examples alone stands between this mean and a PASS."""
    n = difference.examples
    if n is None or n >= examples_needed(margin, confidence) or difference.mean <= -margin:
        return False
    return difference.mean - null_reach(margin, n, confidence) <= -margin


def null_reach(margin: float, n: int, confidence: float) -> float:
    """Least distance of an accuracy bound from the mean: z times the error where `margin` is really lost.

    Farrington & Manning, Stat. Med. 9 (1990); Tango, Stat. Med. 17 (1998). Where no example was lost, the spread that
    was seen is 0, and says nothing of the losses that a test set of n examples would miss.

    >>> f"{null_reach(0.005, 1797, 0.95):.5f}"  # 0.27 points
    '0.00274'
    """
    return NormalDist().inv_cdf(confidence) * math.sqrt(margin * (1 - margin) / n)


def examples_needed(margin: float, confidence: float) -> int:
    """The fewest test examples that can show a margin: those with which a ticket that loses none would pass.

    >>> examples_needed(0.005, 0.95), examples_needed(0.001, 0.95)
    (539, 2703)
    """
    z = NormalDist().inv_cdf(confidence)
    return math.floor(z * z * (1 - margin) / margin) + 1


def level(confidence: float) -> str:
    """A confidence in words.

    >>> level(0.95), level(0.98066)
    ('95 %', '98.07 %')
    """
    return f"{100 * confidence:.4g} %"


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
