"""Trainings that collapse: what a count over a few replicates leaves possible.

No mean over ten replicates shows a training in ten that goes wrong. Bounds are exact (Clopper & Pearson, Biometrika 26,
1934), and for several looks they share what may go wrong evenly (Bonferroni).
"""

import math
from collections.abc import Callable, Sequence

from .metric import Metric
from .results import Collapses

SURE = 0.95  # of what is said beside a verdict and not judged
MOST = 1e300  # shown units: what is larger has no double


Scores = Sequence[float | None]
"""A mean test score of each replicate; None where it is not finite."""


def count(candidate: Scores, dense: Scores, by: float | None, margin: float, metric: Metric) -> Collapses:
    """The collapses among replicates; without `by`, in shown units, twice the margin counts as one.

    >>> from ticketsmith.lottery.metric import ACCURACY
    >>> count([0.97] * 10, [0.98] * 10, None, 0.005, ACCURACY).at_most
    0.258...
    """
    most = metric.scale if metric.unit == "%" else MOST
    limit, of = min(2 * metric.scale * margin, most) if by is None else by, len(dense)
    lost = collapsed(candidate, dense, limit, metric)
    return Collapses(by=limit, lost=lost, of=of, at_most=at_most(lost, of, SURE))


def collapsed(candidate: Scores, dense: Scores, by: float, metric: Metric) -> int:
    """Count the replicates that are worse than dense by more than so many shown units, or have no finite score.

    >>> from ticketsmith.lottery.metric import ACCURACY, NATS
    >>> collapsed([0.90, 0.97], [0.98, 0.98], 1, ACCURACY), collapsed([1.2, 1.9], [1.0, 1.0], 0.5, NATS)
    (1, 1)
    """
    # Shares are fractions of test examples: what lies nearer to the limit than that is rounding.
    limit, pairs = by + 1e-9 * min(by, 1), zip(candidate, dense, strict=True)
    return sum(c is None or (d is not None and metric.scale * metric.harm(c - d) > limit) for c, d in pairs)


def lost_more(lost: int, of: int, by: float, metric: Metric) -> str:
    """The count in words.

    >>> from ticketsmith.lottery.metric import ACCURACY, NATS
    >>> lost_more(2, 10, 1, ACCURACY), lost_more(0, 3, 0.5, NATS)
    ('2 of 10 trainings lost more than 1 point', '0 of 3 trainings lost more than 0.5 nats')
    """
    unit = metric.change_unit
    one = by == 1 and unit in ("points", "nats", "bits")
    return f"{lost} of {of} trainings lost more than {by:g} {unit.removesuffix('s') if one else unit}".rstrip()


def at_most(lost: int, of: int, confidence: float) -> float:
    """Upper bound of the share of trainings that collapse, where `lost` of `of` did.

    >>> round(at_most(0, 10, 0.95), 3), round(at_most(1, 10, 0.95), 3)
    (0.259, 0.394)
    """
    return 1.0 if lost == of else _share(lambda p: _cumulated(lost, of, p) > 1 - confidence)


def at_least(lost: int, of: int, confidence: float) -> float:
    """Lower bound of the share of trainings that collapse.

    >>> round(at_least(1, 10, 0.95), 4)
    0.0051
    """
    return 1 - at_most(of - lost, of, confidence)


def least(share: float, confidence: float) -> int:
    """The fewest replicates that show, none having collapsed, that fewer than this share of trainings do.

    >>> least(0.3, 0.95), least(0.26, 0.95)
    (9, 10)
    """
    return math.ceil(math.log(1 - confidence) / math.log1p(-share) - 1e-9)


def shared(confidence: float, looks: int) -> float:
    """The confidence of each of several looks under which all of them together have `confidence`.

    >>> round(shared(0.95, 4), 4)
    0.9875
    """
    return 1 - (1 - confidence) / looks


def _share(holds: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        low, high = (middle, high) if holds(middle := (low + high) / 2) else (low, middle)
    return high


def _cumulated(lost: int, of: int, p: float) -> float:
    """Probability of at most `lost` in `of`."""
    if p in (0, 1):
        return float(p == 0)
    ways = (math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1) for k in range(lost + 1))
    return math.fsum(math.exp(w + k * math.log(p) + (of - k) * math.log1p(-p)) for k, w in enumerate(ways))
