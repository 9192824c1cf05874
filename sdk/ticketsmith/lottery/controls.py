"""The controls beside every round: what the ticket has to beat. One generator of steps each."""

from collections.abc import Callable, Iterator

from .spec import Experiment
from .steps import Gate, Prune, Rewind, Step, Train

Control = Callable[[Experiment, Train, Train, Prune, Gate | None], Iterator[Step]]
"""Of a spec, the dense training, the ticket's training and mask at a level, and the control's gate a cohort before."""


def reinit(spec: Experiment, dense: Train, ticket: Train, mask: Prune, earlier: Gate | None) -> Iterator[Step]:
    """The ticket's mask over freshly drawn weights, trained in full: is it the structure or the initial values?"""
    cohort, level, arm = mask.cohort, mask.level, "reinit"
    drawn = Rewind(cohort=cohort, level=level, arm=arm, mask=mask, kept=None)
    trained = Train(cohort=cohort, level=level, arm=arm, start=0, stop=spec.training.steps, weights=drawn, mask=mask)
    yield from (drawn, trained)
    yield Gate(
        cohort=cohort, level=level, arm=arm, dense=dense, candidate=trained, mask=mask, ticket=ticket, earlier=earlier
    )


def random(spec: Experiment, dense: Train, ticket: Train, mask: Prune, earlier: Gate | None) -> Iterator[Step]:
    """A random mask with the ticket's counts, layer by layer, over the ticket's own weights: does magnitude matter?"""
    cohort, level, arm = mask.cohort, mask.level, "random"
    drawn = Prune(cohort=cohort, level=level, arm=arm, like=mask)
    rewound = Rewind(cohort=cohort, level=level, arm=arm, mask=drawn, kept=dense)
    start, stop = spec.pruning.rewind_to, spec.training.steps
    trained = Train(cohort=cohort, level=level, arm=arm, start=start, stop=stop, weights=rewound, mask=drawn)
    yield from (drawn, rewound, trained)
    yield Gate(
        cohort=cohort, level=level, arm=arm, dense=dense, candidate=trained, mask=drawn, ticket=ticket, earlier=earlier
    )


CONTROLS: dict[str, Control] = {"reinit": reinit, "random": random}
