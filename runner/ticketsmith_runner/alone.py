"""The verdict on one network: a replicate against its own dense one, on its test examples.

People deploy one network, and the gate judges the mean over many. Nothing is ruled by this verdict: it is said beside
the other.
"""

from dataclasses import asdict, dataclass, replace
from math import ceil, sqrt
from typing import Any

from ticketsmith.lottery.gate import ALONE, CARRIERS, judge, null_reach
from ticketsmith.lottery.metric import NATS, Metric
from ticketsmith.lottery.results import Status
from ticketsmith.lottery.spec import Experiment

from .arms import Arm
from .bounds import carriers, stretched, t_quantile
from .forecast import POWER
from .judgement import Seen, mean, seen
from .steps.gate import ruling

MOST = 10**9
"""Test examples: nobody has more."""


@dataclass(frozen=True, kw_only=True)
class Alone:
    """A verdict as a package has it. Scores in recorded units."""

    status: Status
    reason: str
    confidence: float
    score: float
    dense_score: float
    examples: int
    """Test examples that it rests on."""
    examples_needed: int | None
    """As many as are likely (80 %) to settle an UNDECIDED, about, if mean and spread stay as they are."""

    def document(self) -> dict[str, Any]:
        return asdict(self)


def alone(dense: Arm, ticket: Arm, spec: Experiment, metric: Metric) -> Alone:
    """The verdict on two arms of one replicate each. Whether trainings collapse is no question about one of them."""
    rule = spec.gate.model_copy(update={"collapse": None})
    case = replace(seen(dense, ticket, spec.model_copy(update={"gate": rule}), metric), alone=True)
    status, reason = ruling(case)
    return Alone(
        status=status,
        reason=reason.removesuffix(f"; {ALONE}"),
        confidence=case.confidence,
        score=mean(ticket, metric).mean,
        dense_score=mean(dense, metric).mean,
        examples=case.score.examples,
        examples_needed=needed(case) if status == "UNDECIDED" else None,
    )


def needed(case: Seen) -> int | None:
    """Test examples that are likely to settle the score, where it is what is open; None if no number of them is."""
    (change, loss), score = case.bounds(case.confidence), case.score
    passes, limit = case.metric.harm(score.mean) < case.margin, case.spec.gate.loss_margin
    if judge(change, case.margin, case.confidence, case.metric)[0] != "UNDECIDED" or not _settles(case, MOST):
        return None
    if passes and limit is not None and judge(loss, limit, case.confidence, NATS)[0] != "PASS":
        return None  # the loss would still be open
    few, enough = score.n, MOST
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if _settles(case, middle) else (middle, enough)
    return ceil(enough * score.examples / score.n)


def _settles(case: Seen, n: int) -> bool:
    """True if so many units, of this mean and spread, are likely to decide: the gate's own bound, and the power."""
    score, confidence = case.score, case.confidence
    harm, tail = case.metric.harm(score.mean), 0.0 if case.kind == "share" else case.metric.harm(score.skew)
    passes, se = harm < case.margin, sqrt(score.items * score.n / n)
    if passes and tail > 0 and carriers(tail, n) < CARRIERS:
        return False
    skew = tail if passes else -tail  # of the bound that decides
    floor = null_reach(case.margin, round(n * case.counted / score.n), confidence) if case.counted else 0.0
    reach = max(float(stretched(t_quantile(confidence, n - 1), skew, n)) * se, floor)
    return abs(harm - case.margin) > reach + float(t_quantile(POWER, n - 1)) * se
