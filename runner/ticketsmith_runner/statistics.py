"""Intervals over replicates, and paired differences with both of their variances.

R: replicates.  M: records per replicate.  Two variances are kept apart: training seeds (a replicate is the unit) and
the finite test set (an example is the unit). Replicates that share test examples are not independent, and one test set
is not the world: the standard error clusters both ways.

Sums are exactly rounded (`math.fsum`), so no order of summation shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ticketsmith.errors import Diverged
from ticketsmith.lottery.results import Difference, Summary

from .bounds import Floats, carriers, stretched, t_quantile, two_way, wilson
from .records import TEST

INTERVAL = 0.95  # two-sided, of every interval that is shown and not judged


@dataclass(frozen=True, kw_only=True)
class Errors:
    """A mean over replicates and examples, with the variances of it by each way to count."""

    mean: float
    """Over replicates, of their own means: cross-fitted folds differ in size by one example."""
    replicates: float | None
    """By replicate; None for one."""
    items: float
    """By example, which counts once, with its average over the replicates that test it."""
    cells: float
    """By example and replicate, as if all were independent."""
    skew: float
    """Skewness of the examples' averages."""
    R: int
    n: int


def summary(values: Sequence[float]) -> Summary:
    """Mean, standard error and two-sided 95 % t interval over replicates.

    >>> summary([1.0, 2.0, 3.0]).low
    -0.48...
    """
    mean, variance, n = fmean(values), _variance(values), len(values)
    if variance is None:
        return Summary(mean=mean, se=None, low=None, high=None, n=n)
    half = float(t_quantile((1 + INTERVAL) / 2, n - 1)) * sqrt(variance)
    return Summary(mean=mean, se=sqrt(variance), low=mean - half, high=mean + half, n=n)


def share(examples: Sequence[NDArray[np.int64]], right: Sequence[Floats]) -> Summary:
    """Mean of scores of 0 or 1, such as an accuracy, with a 95 % interval over training seeds and test examples."""
    found = errors(examples, right)
    if found.replicates is None:
        return Summary(mean=found.mean, se=None, low=None, high=None, n=1)
    variances = found.replicates, found.items, found.cells
    low, high = wilson(found.mean, variances, found.R, found.n, INTERVAL)
    return Summary(mean=found.mean, se=float(two_way(*variances)), low=float(low), high=float(high), n=found.R)


def difference(examples: Sequence[NDArray[np.int64]], deltas: Sequence[Floats], confidence: float) -> Difference:
    """Candidate minus dense from per-example differences: `deltas[r][i]` belongs to example `examples[r][i]`.

    Both bounds are one-sided at `confidence`, with R - 1 degrees of freedom.
    """
    return bounded(errors(examples, deltas), confidence)


def errors(examples: Sequence[NDArray[np.int64]], deltas: Sequence[Floats]) -> Errors:
    """The mean of per-example values and its variances: `deltas[r][i]` belongs to example `examples[r][i]`."""
    means = [fmean(delta.tolist()) for delta in deltas]
    cells = np.concatenate(deltas)
    averages = _by_example(np.concatenate(examples), cells)
    return Errors(
        mean=fmean(means),
        replicates=_variance(means),
        items=_variance(averages.tolist()) or 0.0,
        cells=_variance(cells.tolist()) or 0.0,
        skew=_skewness(averages),
        R=len(means),
        n=len(averages),
    )


def bounded(found: Errors, confidence: float, least: float = 0.0, *, tails: bool = False) -> Difference:
    """A difference with its bounds; none for one replicate, whose spread over training seeds is unknown.

    With `tails`, for values such as losses, a bound is stretched where a long tail is on its side.
    """
    few = float(carriers(found.skew, found.n)) if tails and found.skew > 0 else None
    known: dict[str, Any] = {"mean": found.mean, "se_items": sqrt(found.items), "examples": found.n, "carriers": few}
    if found.replicates is None:
        return Difference(**known, se_replicates=None, se=None, low=None, high=None)
    se, quantile = float(two_way(found.replicates, found.items, found.cells)), t_quantile(confidence, found.R - 1)
    skew = found.skew if tails else 0.0
    below, above = (float(stretched(quantile, side * skew, found.n)) for side in (-1, 1))
    return Difference(
        **known,
        se_replicates=sqrt(found.replicates),
        se=se,
        low=found.mean - max(below * se, least),
        high=found.mean + max(above * se, least),
    )


def finite(
    examples: Sequence[NDArray[np.int64]], deltas: Sequence[Floats]
) -> tuple[list[NDArray[np.int64]], list[Floats]]:
    """The replicates all of whose deltas are finite. This flatters: the caller must judge the others by themselves.

    Raises Diverged if none is left.
    """
    kept = [(example, delta) for example, delta in zip(examples, deltas, strict=True) if np.isfinite(delta).all()]
    if not kept:
        raise Diverged("no replicate has finite test losses in both arms", "lower training.learning_rate")
    return [example for example, _ in kept], [delta for _, delta in kept]


def of_test(records: Mapping[str, Tensor], name: str) -> list[Floats]:
    """A column of the records on each replicate's test split, R arrays of unequal length."""
    roles, values = records["role"].numpy(), records[name].numpy()
    return [value[role == TEST].astype(np.float64) for role, value in zip(roles, values, strict=True)]


def _by_example(examples: NDArray[np.int64], deltas: Floats) -> Floats:
    """Average of each example that occurs, in the order of their numbers."""
    _, place, count = np.unique(examples, return_inverse=True, return_counts=True)
    return np.asarray(np.bincount(place, weights=deltas) / count, dtype=np.float64)


def _variance(values: Sequence[float]) -> float | None:
    """Variance of the mean: that of the values (n - 1) over n; None for one value."""
    if len(values) < 2:
        return None
    mean = fmean(values)
    return fsum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values)


def _skewness(values: Floats) -> float:
    """Third standardized moment; 0 where nothing varies."""
    z = values - fmean(values.tolist())
    if (largest := float(np.abs(z).max())) == 0:
        return 0.0
    z = z / largest  # or the powers of small differences vanish
    second, third = (fsum((z**power).tolist()) / len(z) for power in (2, 3))
    return float(third / second**1.5)
