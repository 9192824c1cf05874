"""The bound that argues against a ticket, and the one that argues for it: a metric's direction says which is which."""

from typing import NamedTuple

from ..lottery.metric import Metric
from ..lottery.results import Difference


class Bound(NamedTuple):
    """One end of a difference; None where one replicate gives none."""

    side: str
    """`lower` or `upper`."""
    value: float | None


def against(metric: Metric, difference: Difference) -> Bound:
    """The end with more harm: a PASS needs it within the margin.

    >>> from ..lottery.metric import ACCURACY, NATS
    >>> change = Difference(mean=0, se_replicates=None, se_items=1, se=1, low=-2, high=3)
    >>> against(ACCURACY, change), against(NATS, change)
    (Bound(side='lower', value=-2.0), Bound(side='upper', value=3.0))
    """
    return Bound("lower", difference.low) if metric.higher_is_better else Bound("upper", difference.high)


def favouring(metric: Metric, difference: Difference) -> Bound:
    """The end with less harm: a FAIL needs it beyond the margin."""
    return Bound("upper", difference.high) if metric.higher_is_better else Bound("lower", difference.low)


def exceeds(metric: Metric, bound: Bound, margin: float) -> bool:
    """True if a bound is there and its harm is more than the margin."""
    return bound.value is not None and metric.harm(bound.value) > margin
