"""Intervals over replicates, and paired differences with both of their variances.

R: replicates.  M: records per replicate.  Two variances are kept apart: training seeds (a replicate is the unit) and
the finite test set (an example is the unit, or a group of them, such as a patient). Replicates that share test examples
are not independent, and one test set is not the world: the standard error clusters both ways.

Sums are exactly rounded (`math.fsum`), so no order of summation shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from statistics import fmean
from typing import Any

import numpy as np

from ticketsmith.errors import Diverged
from ticketsmith.lottery.metric import ACCURACY, Metric
from ticketsmith.lottery.results import Difference, Kind, Summary

from .bounds import Floats, carriers, degrees, stretched, t_quantile, two_way, wilson
from .columns import Numbers

INTERVAL = 0.95  # two-sided, of every interval that is shown and not judged


@dataclass(frozen=True, kw_only=True)
class Errors:
    """A mean over replicates and examples, with the variances of it by each way to count."""

    mean: float
    """Over replicates, of their own means: cross-fitted folds differ in size by one example."""
    replicates: float | None
    """By replicate; None for one."""
    items: float
    """By unit, which counts once, with its average over the replicates that test it."""
    cells: float
    """By unit and replicate, as if all were independent."""
    skew: float
    """Skewness of the units' averages."""
    R: int
    n: int
    """Units: distinct test examples, or groups of them."""
    examples: int
    """Distinct test examples."""
    grouped: bool
    """True if the units are groups."""

    @property
    def freedom(self) -> int:
        """Degrees of freedom: of replicates or, where those are fewer, of groups; of one replicate, of its units."""
        if self.replicates is None:
            return self.n - 1
        return min(self.R, self.n) - 1 if self.grouped else self.R - 1

    @property
    def variances(self) -> tuple[float, float, float]:
        """By replicate, unit and cell. One replicate has the variance over units alone."""
        return (0.0, self.items, 0.0) if self.replicates is None else (self.replicates, self.items, self.cells)


def summary(values: Sequence[float]) -> Summary:
    """Mean, standard error and two-sided 95 % t interval over replicates.

    >>> summary([1.0, 2.0, 3.0]).low
    -0.48...
    """
    mean, squared, n = fmean(values), variance(values), len(values)
    if squared is None:
        return Summary(mean=mean, se=None, low=None, high=None, n=n)
    half = float(t_quantile((1 + INTERVAL) / 2, n - 1)) * sqrt(squared)
    return Summary(mean=mean, se=sqrt(squared), low=mean - half, high=mean + half, n=n)


def share(errors: Errors) -> Summary:
    """Mean of scores of 0 or 1, such as an accuracy, with a 95 % interval over training seeds and test examples."""
    if errors.replicates is None:
        return Summary(mean=errors.mean, se=None, low=None, high=None, n=1)
    low, high = wilson(errors.mean, errors.variances, errors.R, errors.n, INTERVAL)
    return Summary(mean=errors.mean, se=float(two_way(*errors.variances)), low=float(low), high=float(high), n=errors.R)


def amount(errors: Errors) -> Summary:
    """Mean of scores that may be any number, with a 95 % t interval over training seeds and test examples."""
    if errors.replicates is None:
        return Summary(mean=errors.mean, se=None, low=None, high=None, n=1)
    se = float(two_way(*errors.variances))
    half = float(t_quantile((1 + INTERVAL) / 2, degrees(errors.variances, errors.R, errors.n))) * se
    return Summary(mean=errors.mean, se=se, low=errors.mean - half, high=errors.mean + half, n=errors.R)


def difference(examples: Sequence[Numbers], deltas: Sequence[Floats], confidence: float) -> Difference:
    """Candidate minus dense from per-example differences: `deltas[r][i]` belongs to example `examples[r][i]`.

    Both bounds are one-sided at `confidence`, with R - 1 degrees of freedom.
    """
    return bounded(errors(examples, deltas), confidence)


def errors(examples: Sequence[Numbers], deltas: Sequence[Floats], groups: Sequence[Numbers] | None = None) -> Errors:
    """The mean of per-example values and its variances: `deltas[r][i]` belongs to example `examples[r][i]`.

    With `groups`, those of the examples, a group is the unit.
    """
    means = [fmean(delta.tolist()) for delta in deltas]
    units, values = (examples, deltas) if groups is None else grouped(examples, deltas, groups)
    cells = np.concatenate(values)
    averages = _by_example(np.concatenate(units), cells)
    return Errors(
        mean=fmean(means),
        replicates=variance(means),
        items=variance(averages.tolist()) or 0.0,
        cells=variance(cells.tolist()) or 0.0,
        skew=skewness(averages),
        R=len(means),
        n=len(averages),
        examples=len(averages) if groups is None else len(np.unique(np.concatenate(examples))),
        grouped=groups is not None,
    )


def grouped(
    examples: Sequence[Numbers], deltas: Sequence[Floats], groups: Sequence[Numbers]
) -> tuple[list[Numbers], list[Floats]]:
    """Groups in the place of examples: the number of each that a replicate tests, and its value.

    A value is the sum of a group's centred differences, times the number of groups over that of examples. So the mean
    is that of examples, however unequal groups are, and the variance the clustered one: Liang & Zeger, Biometrika 73
    (1986).
    """
    tested, cells = np.concatenate(examples), np.concatenate(deltas)
    mean = fmean(_by_example(tested, cells).tolist())
    scale = len(np.unique(np.concatenate(groups))) / len(np.unique(tested))
    units, values = [], []
    for group, delta in zip(groups, deltas, strict=True):
        own, place = np.unique(group, return_inverse=True)
        units.append(own)
        values.append(np.asarray(mean + scale * np.bincount(place, weights=delta - mean), dtype=np.float64))
    return units, values


def bounded(
    difference: Errors,
    confidence: float,
    least: float = 0.0,
    *,
    kind: Kind = "share",
    metric: Metric = ACCURACY,
    alone: bool = False,
) -> Difference:
    """A difference with its bounds, at least `least` from the mean; but for shares, stretched where a tail is long.

    One replicate has none, for its spread over training seeds is unknown, unless it is about these networks `alone`.
    """
    tails, harmful = kind != "share", metric.harm(difference.skew)
    known: dict[str, Any] = {
        "mean": difference.mean,
        "se_items": sqrt(difference.items),
        "examples": difference.examples,
        "groups": difference.n if difference.grouped else None,
        "carriers": float(carriers(harmful, difference.n)) if tails and harmful > 0 else None,
        "kind": kind,
    }
    if difference.replicates is None and not (alone and difference.n > 1):
        return Difference(**known, se_replicates=None, se=None, low=None, high=None)
    se, quantile = float(two_way(*difference.variances)), t_quantile(confidence, difference.freedom)
    skew = difference.skew if tails else 0.0
    below, above = (float(stretched(quantile, side * skew, difference.n)) for side in (-1, 1))
    return Difference(
        **known,
        se_replicates=None if difference.replicates is None else sqrt(difference.replicates),
        se=se,
        low=difference.mean - max(below * se, least),
        high=difference.mean + max(above * se, least),
    )


def finite(values: Sequence[Floats], noun: str) -> list[int]:
    """The replicates all of whose values are finite. This flatters: the caller must judge the others by themselves.

    Raises Diverged if none is left.
    """
    kept = [r for r, value in enumerate(values) if np.isfinite(value).all()]
    if not kept:
        fix = "lower training.learning_rate"
        if noun == "scores":
            fix += ", or let score() give a number for every example: nan_to_num(), or a value for what is empty"
        raise Diverged(f"no replicate has finite test {noun} in both arms", fix)
    return kept


def _by_example(examples: Numbers, deltas: Floats) -> Floats:
    """Average of each example that occurs, in the order of their numbers."""
    _, place, count = np.unique(examples, return_inverse=True, return_counts=True)
    return np.asarray(np.bincount(place, weights=deltas) / count, dtype=np.float64)


def variance(values: Sequence[float]) -> float | None:
    """Variance of the mean: that of the values (n - 1) over n; None for one value."""
    if len(values) < 2:
        return None
    mean = fmean(values)
    return fsum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values)


def skewness(values: Floats) -> float:
    """Third standardized moment; 0 where nothing varies."""
    z = values - fmean(values.tolist())
    if (largest := float(np.abs(z).max())) == 0:
        return 0.0
    z = z / largest  # or the powers of small differences vanish
    second, third = (fsum((z**power).tolist()) / len(z) for power in (2, 3))
    return float(third / second**1.5)
