"""The chance that a repetition with fresh seeds passes, as far as this run can say."""

from collections.abc import Sequence
from math import prod, sqrt

from scipy.special import stdtr

from ticketsmith.lottery.results import Summary


def chance(ours: Summary, low: float, high: float) -> float | None:
    """Probability that the mean of as many fresh replicates lies from `low` to `high`; None without a standard error.

    Both means vary, so their distance has sqrt(2) standard errors; and the error itself is estimated from n replicates,
    so the distance follows Student's t with n - 1 degrees of freedom (the predictive distribution of a new mean).

    >>> chance(Summary(mean=0.0, se=1.0, low=-4.3, high=4.3, n=3), -sqrt(2), sqrt(2))  # t with 2 degrees, within 1
    0.57735...
    """
    if ours.se is None:
        return None
    if ours.se == 0:
        return float(low <= ours.mean <= high)
    below, above = (stdtr(ours.n - 1, (end - ours.mean) / (sqrt(2) * ours.se)) for end in (low, high))
    return float(above - below)


def together(chances: Sequence[float | None]) -> float | None:
    """Probability that all of it happens, taken as independent; None if one is unknown.

    >>> together([0.5, 0.5]), together([0.5, None])
    (0.25, None)
    """
    known = [probability for probability in chances if probability is not None]
    return prod(known) if len(known) == len(chances) else None
