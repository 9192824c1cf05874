"""The plateau: has the dense training come to where more updates would gain less than the margin?"""

from statistics import fmean

from .metric import Metric
from .results import Plateau, TrainMetrics


def plateau(dense: TrainMetrics, metric: Metric, margin: float) -> Plateau | None:
    """The gain over the last quarter of the updates, of the mean validation score; the margin is in recorded units.

    None where no replicate was looked at by then, or where a score is that of a whole test set.
    """
    last = len(dense.looks) - 1
    mark = max((at for at, done in enumerate(dense.looks) if 4 * done <= 3 * dense.stop), default=None)
    if mark is None or metric.whole is not None:
        return None
    pairs = ((scores[mark], scores[last]) for scores in dense.validation_score)
    gains = [-metric.harm(new - old) for old, new in pairs if old is not None and new is not None]
    if not gains:
        return None
    return Plateau(after=dense.looks[mark], stop=dense.stop, gain=fmean(gains), reached=fmean(gains) < margin)
