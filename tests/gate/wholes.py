"""Worlds of scores that are no mean over examples: F1, AUC, and a mean weighted by length. A ticket loses the margin.

Half of what an example does it does in every replicate, and dense and ticket share most of it.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from ticketsmith.lottery.gate import judge, null_reach
from ticketsmith.lottery.metric import Metric
from ticketsmith_runner.bootstrap import resampled
from ticketsmith_runner.objectives.whole import differences, evidence
from ticketsmith_runner.statistics import bounded

F1 = Metric(name="F1", unit="%", scale=100, higher_is_better=True, margin=0.03, whole="f1")
AUC = Metric(name="AUC", unit="%", scale=100, higher_is_better=True, margin=0.015, whole="auc")
PERPLEXITY = Metric(name="loss", unit="nats", margin=0.02, whole="weighted")
Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A source of test sets, of dense and of a ticket."""

    name: str
    metric: Metric
    n: int
    R: int
    folds: int = 1
    positive: float = 0.3
    seeds: float = 0.05
    """Standard deviation over trainings: of a threshold, of a shift."""

    def study(self, random: np.random.Generator, lost: float) -> tuple[list[Any], list[Columns], list[Columns]]:
        """Test examples of each replicate, and the columns of dense and ticket on them."""
        fixed = random.normal(size=self.n), random.random(self.n) < self.positive, random.integers(5, 200, self.n)
        order, rows = random.permutation(self.n), []
        for r in range(self.R):
            which = order[r % self.folds :: self.folds]
            rows.append((which, *self._pair(random, lost, *(column[which] for column in fixed))))
        examples, dense, ticket = zip(*rows, strict=True)
        return list(examples), list(dense), list(ticket)

    def _pair(self, random: np.random.Generator, lost: float, hard: Any, true: Any, length: Any) -> tuple[Columns, ...]:
        once, own = random.normal(size=(2, len(hard)))
        latent = [sqrt(0.5) * hard + sqrt(0.5) * noise for noise in (once, sqrt(0.7) * once + sqrt(0.3) * own)]
        shift = [0.0, random.normal(0, self.seeds)]
        label, weight = true.astype(np.uint8), length.astype(np.int32)
        if self.metric.whole == "weighted":
            extra = np.exp(0.5 * latent[1]) - np.exp(0.5 * latent[0])  # 0 on average
            start = np.exp(0.5 * latent[0])
            return {"score": start, "weight": weight}, {"score": start + extra + lost + shift[1] / 10, "weight": weight}
        levels = (0.9, self._rate(lost)) if self.metric.whole == "f1" else (2.0, self._distance(lost))
        return tuple(
            {"prediction": (z + s > np.where(true, -norm.ppf(level), norm.ppf(0.95))).astype(np.uint8), "label": label}
            if self.metric.whole == "f1"
            else {"score": z + (level + s) * true, "label": label}
            for z, s, level in zip(latent, shift, levels, strict=True)
        )

    def _rate(self, lost: float) -> float:
        """Share of class 1 that the ticket finds, so that it loses as much of F1."""

        def f1(found: float) -> float:
            both = self.positive * found
            return 2 * both / (both + 0.05 * (1 - self.positive) + self.positive)

        return float(brentq(lambda found: f1(0.9) - f1(found) - lost, 0.1, 0.99))

    def _distance(self, lost: float) -> float:
        """Distance of the classes to the ticket, so that it loses as much of AUC."""
        return float(sqrt(2) * norm.ppf(norm.cdf(2.0 / sqrt(2)) - lost))


WHOLES = (
    *(Whole(name="F1, 1,000 shared, 30 % of class 1", metric=F1, n=1000, R=R) for R in (2, 3, 5, 10)),
    Whole(name="F1, 1,000 in five folds", metric=F1, n=1000, R=5, folds=5),
    Whole(name="F1, 2,000 shared, 5 % of class 1", metric=F1, n=2000, R=5, positive=0.05),
    *(Whole(name="AUC, 600 shared", metric=AUC, n=600, R=R) for R in (3, 10)),
    Whole(name="AUC, 2,000 shared, 5 % of class 1", metric=AUC, n=2000, R=5, positive=0.05),
    *(Whole(name="mean by length, 600 shared", metric=PERPLEXITY, n=600, R=R) for R in (3, 10)),
)


def passes(world: Whole, lost: float, studies: int, seed: int = 0) -> float:
    """The share of studies that PASS, where the ticket really loses so much."""
    random, metric, count = np.random.default_rng(seed), world.metric, 0
    for _ in range(studies):
        examples, dense, ticket = world.study(random, lost)
        found = resampled(examples, None, differences(metric, ticket, dense))
        rarest = evidence(metric, dense[0])
        floor = null_reach(metric.margin, rarest * (world.folds if world.folds > 1 else 1), 0.95) if rarest else 0.0
        change = bounded(found, 0.95, floor, kind="whole", metric=metric)
        count += judge(change, metric.margin, 0.95, metric)[0] == "PASS"
    return count / studies
