"""Several looks at growing data: how strict each must be so that all of them together err as rarely as one would.

Pocock, Biometrika 64 (1977), https://doi.org/10.1093/biomet/64.2.191: the same critical value at every look, found by
recursive integration (Armitage, McPherson & Rowe, J. R. Stat. Soc. A 132, 1969). Looks are taken at equal steps of
information; with few replicates the level of the critical value is used with Student's t (Jennison & Turnbull, Group
Sequential Methods, 2000, section 3.8). Stopping for FAIL as well only makes a PASS rarer.
"""

from functools import lru_cache
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

POINTS, LOWEST = 401, 8.0  # of the grid; it ends so many standard deviations below zero


@lru_cache
def nominal(confidence: float, looks: int) -> float:
    """The one-sided confidence of each of `looks` looks under which all of them together have `confidence`.

    >>> nominal(0.95, 1)
    0.95
    >>> [round(float(ndtri(nominal(0.95, looks))), 3) for looks in (2, 3, 4, 5)]  # the published constants
    [1.875, 1.992, 2.067, 2.122]
    """
    if looks == 1:
        return confidence
    from scipy.optimize import brentq  # half a second, which a single look does without

    # Between what one look asks for, and Bonferroni's value, which is stricter than any.
    lowest, highest = -ndtri(1 - confidence), -ndtri((1 - confidence) / looks)
    return float(ndtr(brentq(lambda c: crossing(c, looks) - (1 - confidence), lowest, highest + 1e-6, xtol=1e-6)))


def crossing(critical: float, looks: int) -> float:
    """Probability that a random walk S_1, S_2, ... exceeds critical * sqrt(k) at some k up to `looks`."""
    crossed, at = float(ndtr(-critical)), np.linspace(-LOWEST, critical, POINTS)
    density = _normal(at)  # of S_k where no look has crossed yet
    for k in range(2, looks + 1):
        bound, weight = critical * sqrt(k), np.gradient(at)
        weight[[0, -1]] /= 2  # the trapezoidal rule
        crossed += float(np.sum(ndtr(at - bound) * density * weight))
        after = np.linspace(-LOWEST * sqrt(k), bound, POINTS)
        density = _normal(after[:, None] - at[None, :]) @ (density * weight)
        at = after
    return crossed


def _normal(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(-x * x / 2) / sqrt(2 * pi)
