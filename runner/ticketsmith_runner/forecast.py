"""Number of replicates that an open question needs, as if what was found so far were the truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from ticketsmith.lottery.gate import CARRIERS
from ticketsmith.lottery.metric import Metric
from ticketsmith.lottery.results import Difference

from .bounds import Floats, stretched, t_quantile
from .columns import Numbers
from .statistics import Errors

POWER = 0.8
ENOUGH = 1000  # replicates: nobody buys more


@dataclass(frozen=True)
class Spread:
    """Variances of the differences on single test examples, after Searle, Casella & McCulloch, Variance Components."""

    between: float
    """Variance of what an example does in every replicate: more replicates leave it as it is."""
    within: float
    """Variance of what it does in one replicate: it averages out."""
    examples: int
    per_example: float
    """Replicates that test an example, on average."""

    def error(self, times: float) -> float:
        """Standard error over test examples with `times` as many replicates as there are."""
        return sqrt((self.between + self.within / (self.per_example * times)) / self.examples)


def spread(examples: Sequence[Numbers], deltas: Sequence[Floats]) -> Spread:
    """The components by moments. Where each example was tested once they cannot be told apart: all counts as within."""
    which, place, counts = np.unique(np.concatenate(examples), return_inverse=True, return_counts=True)
    cells = np.concatenate(deltas)
    averages = np.bincount(place, weights=cells) / counts
    of_averages, n = float(averages.var(ddof=1)), len(which)
    if len(cells) == n:
        return Spread(between=0.0, within=of_averages, examples=n, per_example=1.0)
    within = float(((cells - averages[place]) ** 2).sum() / (len(cells) - n))
    between = max(0.0, of_averages - within * float((1 / counts).mean()))
    return Spread(between=between, within=within, examples=n, per_example=len(cells) / n)


def components(errors: Errors, per_example: float) -> Spread:
    """The same from the variances of a score of the whole, whose examples have no differences of their own."""
    between = max(0.0, errors.items - errors.cells) * per_example / (per_example - 1) if per_example > 1 else 0.0
    within = per_example * (errors.items - between)
    return Spread(between=between * errors.n, within=within * errors.n, examples=errors.n, per_example=per_example)


def needed(
    change: Difference,
    spread: Spread,
    replicates: int,
    margin: float,
    confidence: float,
    metric: Metric,
    least: float,
    *,
    whole: int = 1,
) -> int | None:
    """Replicates in all with which a gate on the score is likely to say PASS or FAIL; None if no number of them is.

    A multiple of `whole`; a bound stays `least` from the mean, whatever their number. Sample size for a non-inferiority
    trial at a power of 80 %: Julious, Statistics in Medicine 23 (2004), https://doi.org/10.1002/sim.1783, with t
    quantiles.
    """
    if change.se_replicates is None or change.se is None or (change.carriers or CARRIERS) < CARRIERS:
        return None
    distance, units = abs(metric.harm(change.mean) - margin), spread.examples
    skew = sqrt(units / change.carriers) if change.carriers else 0.0
    together = change.se / (max(change.se_replicates, spread.error(1)) or 1.0)  # 1, or more where both errors count
    for n in range(replicates + 1, ENOUGH + 1):
        se = together * max(change.se_replicates * sqrt(replicates / n), spread.error(n / replicates))
        freedom = n - 1 if change.groups is None else min(n, change.groups) - 1
        quantile = stretched(t_quantile(confidence, freedom), skew, units)
        reach = max(float(quantile) * se, least)
        if n % whole == 0 and distance > reach + float(t_quantile(POWER, freedom)) * se:
            return n
    return None
