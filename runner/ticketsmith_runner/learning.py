"""Gains that are surely there: a dense network that learned nothing proves nothing, however equal a ticket is to it."""

from collections.abc import Sequence

from .arms import Arm
from .bounds import Floats, degrees, t_quantile, two_way
from .statistics import errors

NOTHING = "nets that learned nothing prove nothing"


def surely(gains: Sequence[Floats], arm: Arm, confidence: float) -> bool:
    """True if the mean gain lies above 0 by its lower bound or, where one replicate gives none, by itself.

    Few replicates may be enough: what examples they were tested on counts most, and those are many.
    """
    gain = errors(arm.examples, gains, arm.groups)
    if gain.replicates is None:
        return gain.mean > 0
    return gain.mean > float(t_quantile(confidence, degrees(gain.variances, gain.R, gain.n)) * two_way(*gain.variances))
