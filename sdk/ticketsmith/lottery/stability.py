"""The update to rewind to: the earliest from which training ends in one valley, whatever the order of the data.

Frankle, Dziugaite, Roy & Carbin, Linear Mode Connectivity and the Lottery Ticket Hypothesis, ICML 2020
(arXiv 1912.05671): a network is stable at update k if two copies trained from there on, with different orders, are
connected by a straight line on which the error rises by less than 2 %.
"""

from collections.abc import Iterator, Sequence

from .results import Connectivity
from .spec import Experiment
from .steps import Stability

CONNECTIVITY = "connectivity.json"
POINTS, STABLE = 30, 0.02
SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)  # of the training; later than that little is left to be saved


def candidates(spec: Experiment) -> list[int]:
    """The updates to try where none are given."""
    return sorted({round(share * spec.training.steps) for share in SHARES})


def stability(spec: Experiment, after: Sequence[int]) -> Iterator[Stability]:
    """One step for each update to try. Pure."""
    for update in sorted(set(after)):
        yield Stability(
            cohort=0, level=0, arm="dense", after=update, stop=spec.training.steps, replicates=spec.replicates
        )


def earliest(curve: Sequence[Connectivity]) -> Connectivity | None:
    """The first that is stable: the upper end of its interval, where there is one, lies below the limit."""
    for line in sorted(curve, key=lambda line: line.after):
        worst = line.instability.high if line.instability.high is not None else line.instability.mean
        if worst < STABLE:
            return line
    return None
