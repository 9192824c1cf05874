"""The answer that dense must surely beat: that of no network where there are classes, else of its untrained one."""

from statistics import fmean

import numpy as np

from ticketsmith.lottery.metric import Metric

from .arms import Arm
from .learning import NOTHING, surely
from .objectives import frequencies


def unlearned(dense: Arm, metric: Metric, confidence: float, *, loss: bool) -> str | None:
    """A sentence if dense is not surely better than an answer that takes no training; None if it is, or unknown."""
    if dense.columns.keys() >= frequencies.NEEDED:
        return frequencies.unlearned(dense, confidence, loss=loss)
    if "untrained" not in dense.columns:
        return None
    after, before = dense.tested("score"), dense.tested("untrained")
    if not all(np.isfinite(scores).all() for scores in (*after, *before)):
        return None  # it is beaten by any finite score; and what diverged is said elsewhere
    gains = [metric.harm(1.0) * (old - new) for old, new in zip(before, after, strict=True)]
    if surely(gains, dense, confidence):
        return None
    new, old = (f"{metric.scale * fmean(map(np.mean, arm)):.{metric.decimals}f}" for arm in (after, before))
    return (
        f"dense reaches {f'{new} {metric.unit}'.rstrip()}, which is not surely better than the {old} of the untrained "
        f"network: {NOTHING}"
    )
