"""The judgement of what was seen, at one confidence or another: the verdict of a look, and that of a whole scan."""

from dataclasses import dataclass

from ticketsmith.lottery.gate import Part, judge, judge_collapse, null_reach
from ticketsmith.lottery.results import Collapses, Difference
from ticketsmith.lottery.spec import Experiment, GateRule

from .statistics import Errors, bounded


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Changes of accuracy and loss, and collapses: all that a gate judges."""

    accuracy: Errors
    loss: Errors
    collapses: Collapses

    def bounds(self, rule: GateRule) -> tuple[Difference, Difference]:
        """Accuracy and added loss with their one-sided bounds, at the rule's confidence."""
        floor = null_reach(rule.margin, self.accuracy.n, rule.confidence)
        return bounded(self.accuracy, rule.confidence, floor), bounded(self.loss, rule.confidence, tails=True)

    def judged(self, rule: GateRule, spec: Experiment) -> Part:
        """The verdict at the rule's confidence, which is that of one look; collapses share the spec's among looks."""
        if rule.collapse is None:
            return judge(*self.bounds(rule), rule)
        lost, of = self.collapses.lost, self.collapses.of
        return judge(
            *self.bounds(rule), rule, judge_collapse(lost, of, rule.collapse, spec.gate.confidence, spec.looks)
        )
