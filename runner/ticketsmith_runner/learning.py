"""Gains that are surely there: a dense network that learned nothing proves nothing, however equal a ticket is to it."""

from .bounds import degrees, t_quantile, two_way
from .statistics import Errors

NOTHING = "nets that learned nothing prove nothing"


def surely(gain: Errors, confidence: float, sign: float = 1.0) -> bool:
    """True if the mean gain lies above 0 by its lower bound or, where one replicate gives none, by itself.

    With a `sign` of -1, less is better. Few replicates may be enough: what examples they were tested on counts most,
    and those are many.
    """
    if gain.replicates is None:
        return sign * gain.mean > 0
    reach = t_quantile(confidence, degrees(gain.variances, gain.R, gain.n)) * two_way(*gain.variances)
    return sign * gain.mean > float(reach)
