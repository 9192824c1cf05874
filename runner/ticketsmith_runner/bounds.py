"""Bounds from standard errors: formulas alone, for numbers or arrays of them, so that simulations run the same ones.

R: replicates.  n: distinct test examples.  Quantiles are one-sided: a confidence of 0.95 leaves 5 % beyond one bound.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

Floats = NDArray[np.float64]

ROUNDING = 1e-15  # variance below which all replicates said the same of all examples


def t_quantile(p: float, df: ArrayLike) -> Floats:
    """Quantile of Student's t distribution.

    >>> round(float(t_quantile(0.95, 9)), 3)
    1.833
    """
    return np.asarray(stdtrit(df, p), dtype=np.float64)


def two_way(replicates: ArrayLike, items: ArrayLike, cells: ArrayLike) -> Floats:
    """Standard error from three variances of a mean: V = V_replicates + V_items - V_cells, at least the larger of two.

    Cameron, Gelbach & Miller, J. Bus. Econ. Stat. 29 (2011). The larger alone is too small where both matter at once;
    V is not bounded below in small samples, so the larger of the two is its floor.
    """
    r, i, c = (np.asarray(variance, dtype=np.float64) for variance in (replicates, items, cells))
    return np.asarray(np.sqrt(np.maximum(np.maximum(r, i), r + i - c)))


def stretched(quantile: ArrayLike, skew: ArrayLike, n: ArrayLike) -> Floats:
    """The quantile for a bound on the side of the long tail, for a mean of n values with this skewness.

    Hall, On the Removal of Skewness by Transformation, J. R. Stat. Soc. B 54 (1992), the studentized cubic, inverted.
    Never less than the quantile itself: a long tail on the other side is no evidence on this one.
    """
    q, root, g = np.asarray(quantile, dtype=np.float64), np.sqrt(n), np.maximum(skew, 0.0)
    a = np.cbrt(1 - g * (q / root + g / (6 * root**2)))
    cubic = 3 * (q + g / (6 * root)) / (1 + a + a * a)  # (1 - a^3) / (1 - a) = 1 + a + a^2: nothing cancels near g = 0
    return np.asarray(np.maximum(q, cubic))


def carriers(skew: ArrayLike, n: ArrayLike) -> Floats:
    """Number of equal examples in n that would have this skewness: a small one says that a handful carries the mean.

    >>> one_of_a_hundred = np.eye(1, 100)[0]
    >>> z = one_of_a_hundred - one_of_a_hundred.mean()
    >>> round(float(carriers((z**3).mean() / (z**2).mean() ** 1.5, 100)), 2)
    1.03
    """
    return np.asarray(n / np.maximum(np.asarray(skew, dtype=np.float64), 1e-9) ** 2)


def degrees(variances: tuple[ArrayLike, ArrayLike, ArrayLike], R: int, n: int) -> Floats:
    """Degrees of freedom of the two-way error after Satterthwaite, between those of replicates and of examples."""
    V = two_way(*variances) ** 2
    some = V > ROUNDING
    r, i = (np.asarray(variance, dtype=np.float64) for variance in variances[:2])
    df = np.where(some, V**2 / np.where(some, r**2 / (R - 1) + i**2 / max(n - 1, 1), 1), n - 1)
    return np.asarray(np.clip(df, R - 1, max(n - 1, R - 1)))


def wilson(
    mean: ArrayLike, variances: tuple[ArrayLike, ArrayLike, ArrayLike], R: int, n: int, confidence: float
) -> tuple[Floats, Floats]:
    """Interval of a share, two-sided at `confidence`, within 0 and 1: the score interval of as many examples as count.

    Wilson, J. Am. Stat. Assoc. 22 (1927), with the effective number of examples of Korn & Graubard, Surv. Methodol. 24
    (1998): mean (1 - mean) / V.
    """
    p, V = np.asarray(mean, dtype=np.float64), two_way(*variances) ** 2
    some = V > ROUNDING
    q2 = t_quantile((1 + confidence) / 2, degrees(variances, R, n)) ** 2
    effective = np.where(some, p * (1 - p) / np.where(some, V, 1), n)
    effective = np.where(p * (1 - p) > 0, np.maximum(effective, 1), n)  # all right or wrong: as many as were asked
    centre, reach = p + q2 / (2 * effective), np.sqrt(q2 * p * (1 - p) / effective + (q2 / effective) ** 2 / 4)
    scale = 1 + q2 / effective
    return np.clip((centre - reach) / scale, 0, 1), np.clip((centre + reach) / scale, 0, 1)
