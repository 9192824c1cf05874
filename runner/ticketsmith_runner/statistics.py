"""Intervals over replicates, and paired differences with both of their variances.

R: replicates.  M: records per replicate.  Two variances are kept apart: training seeds (a replicate is the unit) and
the finite test set (an example is the unit). Replicates that share test examples are not independent, and one test set
is not the world: the standard error clusters both ways, and is never less than the larger of the two.

Sums are exactly rounded (`fmean` sums with `math.fsum`, `stdev` in rationals), so no order of summation shows.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit
from torch import Tensor

from ticketsmith.errors import Diverged
from ticketsmith.lottery.results import Difference, Summary

from .records import TEST

Floats = NDArray[np.float64]


def t_quantile(p: float, df: int) -> float:
    """Quantile of Student's t distribution.

    >>> round(t_quantile(0.95, 9), 3)
    1.833
    """
    return float(stdtrit(df, p))


def summary(values: Sequence[float]) -> Summary:
    """Mean, standard error and two-sided 95 % t interval over replicates.

    >>> summary([1.0, 2.0, 3.0]).low
    -0.48...
    """
    mean, se, n = fmean(values), _standard_error(values), len(values)
    if se is None:
        return Summary(mean=mean, se=None, low=None, high=None, n=n)
    half = t_quantile(0.975, n - 1) * se
    return Summary(mean=mean, se=se, low=mean - half, high=mean + half, n=n)


def difference(examples: Sequence[NDArray[np.int64]], deltas: Sequence[Floats], confidence: float) -> Difference:
    """Candidate minus dense from per-example differences: `deltas[r][i]` belongs to example `examples[r][i]`.

    The mean is the mean over replicates of their own means (cross-fitted folds differ in size by one example). Both
    bounds are one-sided at `confidence`, with R - 1 degrees of freedom. For the test-item error, an example counts
    once, with its average over the replicates that test it.
    """
    means = [fmean(delta.tolist()) for delta in deltas]
    mean, of_replicates = fmean(means), _standard_error(means)
    of_items = _standard_error(_by_example(np.concatenate(examples), np.concatenate(deltas))) or 0.0
    if of_replicates is None:
        return Difference(mean=mean, se_replicates=None, se_items=of_items, se=None, low=None, high=None)
    se = _both(of_replicates, of_items, np.concatenate(deltas).tolist())
    half = t_quantile(confidence, len(means) - 1) * se
    return Difference(
        mean=mean, se_replicates=of_replicates, se_items=of_items, se=se, low=mean - half, high=mean + half
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


def _both(of_replicates: float, of_items: float, cells: list[float]) -> float:
    """Two-way clustering: V = V_replicates + V_items - V_cells (Cameron, Gelbach & Miller, J. Bus. Econ. Stat. 2011).

    The larger of the two alone is too small where both matter at once: replicates on one shared test set. V is not
    bounded below in small samples, so the larger of the two is its floor.
    """
    of_cells = _standard_error(cells) or 0.0
    together = of_replicates**2 + of_items**2 - of_cells**2
    return max(of_replicates, of_items, sqrt(max(together, 0.0)))


def _by_example(examples: NDArray[np.int64], deltas: Floats) -> list[float]:
    """Average of each example that occurs, in the order of their numbers."""
    _, place, count = np.unique(examples, return_inverse=True, return_counts=True)
    averages: list[float] = (np.bincount(place, weights=deltas) / count).tolist()
    return averages


def _standard_error(values: Sequence[float]) -> float | None:
    """Standard deviation (n - 1) over the square root of n; None for one value."""
    return stdev(values) / sqrt(len(values)) if len(values) > 1 else None
