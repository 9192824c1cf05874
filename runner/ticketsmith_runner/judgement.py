"""The judgement of what was seen, at one confidence or another: the verdict of a look, and that of a whole scan."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ticketsmith.lottery.collapse import count
from ticketsmith.lottery.gate import ALONE, LOSS, Part, judge, judge_collapse, null_reach, together
from ticketsmith.lottery.metric import Metric
from ticketsmith.lottery.results import Collapses, Difference, Kind
from ticketsmith.lottery.spec import Experiment

from .arms import Arm, change
from .bounds import Floats
from .looks import nominal
from .statistics import Errors, bounded


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Changes of score and loss, and collapses: all that a gate judges."""

    dense: Arm
    candidate: Arm
    spec: Experiment
    metric: Metric
    margin: float
    """Recorded units."""
    kind: Kind
    score: Errors
    loss: Errors
    collapses: Collapses
    alone: bool
    """True: one replicate, and no more were asked for."""

    @property
    def confidence(self) -> float:
        """Of one look."""
        return nominal(self.spec.gate.confidence, self.spec.looks)

    def bounds(self, confidence: float) -> tuple[Difference, Difference]:
        """Changes of score and loss with their one-sided bounds."""
        floor = null_reach(self.margin, self.score.n, confidence) if self.kind == "share" else 0.0
        return (
            bounded(self.score, confidence, floor, kind=self.kind, metric=self.metric, alone=self.alone),
            bounded(self.loss, confidence, kind="amount", metric=LOSS, alone=self.alone),
        )

    def judged(self, confidence: float) -> Part:
        """The verdict at the confidence of one look; collapses share the spec's among looks."""
        (score, loss), rule = self.bounds(confidence), self.spec.gate
        parts = [judge(score, self.margin, confidence, self.metric)]
        if rule.collapse is not None:
            allowed, looks = rule.collapse.at_most, self.spec.looks
            parts.append(judge_collapse(self.collapses, allowed, rule.confidence, looks, self.metric))
        if rule.loss_margin is not None:
            parts.append(judge(loss, rule.loss_margin, confidence, LOSS, "the added loss"))
        status, reason = together(parts)
        return status, f"{reason}; {ALONE}" if self.alone else reason


def seen(dense: Arm, candidate: Arm, spec: Experiment, metric: Metric) -> Seen:
    """All that a gate judges of these arms. Raises Diverged if no replicate has finite losses, or scores."""
    by = spec.gate.collapse.by if spec.gate.collapse else None
    margin = spec.gate.against(dense.errors(dense.tested("score"), "scores").mean)
    replicates = len(dense.metrics.replicates)
    return Seen(
        dense=dense,
        candidate=candidate,
        spec=spec,
        metric=metric,
        margin=margin,
        kind=kind(dense.tested("score"), candidate.tested("score")),
        score=dense.errors(change(dense, candidate, "score"), "scores"),
        loss=dense.errors(change(dense, candidate, "loss"), "losses"),
        collapses=count(candidate.metrics.test_score, dense.metrics.test_score, by, margin, metric),
        alone=replicates == 1 and spec.cohorts == 1,
    )


def kind(*arms: Sequence[Floats]) -> Kind:
    """Shares where every score is 0 or 1, as that of a right or wrong answer is; else amounts."""
    return "share" if all(np.isin(scores, (0, 1)).all() for arm in arms for scores in arm) else "amount"
