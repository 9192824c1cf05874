"""The judgement of what was seen, at one confidence or another: the verdict of a look, and that of a whole scan."""

from dataclasses import dataclass

import numpy as np

from ticketsmith.lottery.collapse import count
from ticketsmith.lottery.gate import ALONE, LOSS, Part, judge, judge_collapse, null_reach, together
from ticketsmith.lottery.metric import Metric
from ticketsmith.lottery.results import Collapses, Difference, Kind
from ticketsmith.lottery.spec import Experiment

from .arms import Arm, change
from .looks import nominal
from .objectives.whole import differences, evidence, scorer
from .statistics import Errors, bounded, finite


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
    counted: int | None
    """Examples that can show a loss at all, which keep a bound from the mean; None: not known."""
    score: Errors
    loss: Errors
    collapses: Collapses
    alone: bool
    """True: one replicate, and no more were asked for."""

    @property
    def confidence(self) -> float:
        """Confidence of one look."""
        return nominal(self.spec.gate.confidence, self.spec.looks)

    def floor(self, confidence: float) -> float:
        """Least distance of a bound from the mean, however little was seen to vary."""
        return null_reach(self.margin, self.counted, confidence) if self.counted else 0.0

    def bounds(self, confidence: float) -> tuple[Difference, Difference]:
        """Changes of score and loss with their one-sided bounds."""
        floor, alone = self.floor(confidence), self.alone
        return (
            bounded(self.score, confidence, floor, kind=self.kind, metric=self.metric, alone=alone),
            bounded(self.loss, confidence, kind="amount", metric=LOSS, alone=alone),
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
    margin = asked if isinstance(asked := spec.gate.margin, float) else spec.gate.against(mean(dense, metric).mean)
    which, score = kind(metric, dense, candidate), gain(dense, candidate, metric)
    return Seen(
        dense=dense,
        candidate=candidate,
        spec=spec,
        metric=metric,
        margin=margin,
        kind=which,
        counted=counted(which, score, metric, dense),
        score=score,
        loss=dense.errors(change(dense, candidate, "loss"), "losses"),
        collapses=count(candidate.metrics.test_score, dense.metrics.test_score, by, margin, metric),
        alone=len(dense.metrics.replicates) == 1 and spec.cohorts == 1,
    )


def kind(metric: Metric, *arms: Arm) -> Kind:
    """Shares where every score is 0 or 1, as that of a right or wrong answer is; else amounts, or of the whole."""
    if metric.whole is not None:
        return "whole"
    return "share" if all(np.isin(row, (0, 1)).all() for arm in arms for row in arm.on_test("score")) else "amount"


def gain(dense: Arm, candidate: Arm, metric: Metric) -> Errors:
    """The score of the candidate minus that of dense."""
    if metric.whole is None:
        return dense.errors(change(dense, candidate, "score"), "scores")
    kept = finite(change(dense, candidate, "score"), "scores")
    rows = ([arm.rows[r] for r in kept] for arm in (candidate, dense))
    return dense.resampled(differences(metric, *rows), kept)


def mean(arm: Arm, metric: Metric) -> Errors:
    """The score of an arm."""
    if metric.whole is None:
        return arm.errors(arm.on_test("score"), "scores")
    kept = finite(arm.on_test("score"), "scores")
    return arm.resampled([scorer(metric, arm.rows[r]) for r in kept], kept)


def counted(which: Kind, score: Errors, metric: Metric, dense: Arm) -> int | None:
    """Units that can show a loss at all: of shares all of them, of the whole those of the rarest class."""
    if which == "amount":
        return None
    rarest = evidence(metric, dense.distinct) if which == "whole" else score.n
    return None if rarest is None else min(rarest, score.n)
