"""The ladder: dense networks smaller than the task's own, trained from scratch. Does a sparse network beat them?

Three rungs, known from the spec alone: as many weights as the ticket, half of them, and twice as many. Which dense
network takes the ticket's time only a clock can say, and a width from a clock would be another one on each machine: so
all rungs are timed, and the report reads off where between them that network lies.
Each is trained with the updates of one training and, as a second arm, with those of the whole search.
"""

from collections.abc import Mapping

from .schedule import kept, rounds
from .spec import Experiment

LADDER = "smaller"
"""The control that asks for it."""
RUNGS = {"half": 0.5, "smaller": 1.0, "double": 2.0}
"""Multiples of the ticket's weights."""
LONG = "-long"
"""End of the name of an arm that is trained with the updates of the whole search."""


def rungs(spec: Experiment) -> tuple[str, ...]:
    """The rungs of a run; none that would be no smaller than dense, and none where nobody asks.

    >>> training = {"steps": 100, "batch_size": 1, "learning_rate": 0.1}
    >>> asked = {"replicates": 1, "training": training, "controls": ("smaller",)}
    >>> rungs(Experiment(**asked)), rungs(Experiment(**asked, pruning={"sparsity": 0.5}))
    (('half', 'smaller', 'double'), ('half', 'smaller'))
    """
    if LADDER not in spec.controls:
        return ()
    left = 1 - spec.pruning.sparsity
    return tuple(name for name, times in RUNGS.items() if times * left < 1 - 1e-9)


def arms(spec: Experiment) -> tuple[str, ...]:
    """The arms of the ladder: each rung with the updates of one training, and with those of the search."""
    return tuple(arm for rung in rungs(spec) for arm in (rung, rung + LONG))


def updates(spec: Experiment) -> int:
    """Updates of the whole search: of dense, and of every round up to the target."""
    whole = spec.training.steps
    return whole + rounds(spec.pruning) * (whole - spec.pruning.rewind_to)


def weights(spec: Experiment, sizes: Mapping[str, int], rung: str) -> int:
    """Prunable weights that a rung is asked to have; `sizes` are those of dense, the output layer last."""
    ticket = sum(kept(sizes, list(sizes)[-1], spec.pruning, rounds(spec.pruning)).values())
    return round(RUNGS[rung] * ticket)
