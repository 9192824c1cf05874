"""The controls beside every round: what the ticket has to beat. One generator of steps each."""

from collections.abc import Callable, Iterator
from functools import partial

from . import ladder
from .schedule import rounds
from .spec import Experiment
from .steps import Gate, Prune, Rewind, Step, Train

Control = Callable[[Experiment, Train, Train, Prune, Gate | None], Iterator[Step]]
"""A control's steps, of a spec, the dense training, the ticket's training and mask, and its gate a cohort before."""


def reinit(spec: Experiment, dense: Train, ticket: Train, mask: Prune, earlier: Gate | None) -> Iterator[Step]:
    """The ticket's mask over freshly drawn weights, trained in full: is it the structure or the initial values?"""
    drawn = Rewind(cohort=mask.cohort, level=mask.level, arm="reinit", mask=mask, kept=None)
    yield drawn
    yield from _trained_and_judged(spec, dense, ticket, drawn, earlier, start=0)


def random(spec: Experiment, dense: Train, ticket: Train, mask: Prune, earlier: Gate | None) -> Iterator[Step]:
    """A random mask with the ticket's counts, layer by layer, over the ticket's own weights: does magnitude matter?"""
    drawn = Prune(cohort=mask.cohort, level=mask.level, arm="random", like=mask)
    rewound = Rewind(cohort=mask.cohort, level=mask.level, arm="random", mask=drawn, kept=dense)
    yield from (drawn, rewound)
    yield from _trained_and_judged(spec, dense, ticket, rewound, earlier)


def lr_rewind(spec: Experiment, dense: Train, ticket: Train, mask: Prune, earlier: Gate | None) -> Iterator[Step]:
    """The survivors as they were trained, the learning rate back at update k: must the weights be rewound at all?

    Renda, Frankle & Carbin, arXiv 2003.02389, section 2, on the ticket's masks; the optimizer's memory starts empty.
    """
    trained = Rewind(cohort=mask.cohort, level=mask.level, arm="lr-rewind", mask=mask, kept=None, trained=mask.trained)
    yield trained
    yield from _trained_and_judged(spec, dense, ticket, trained, earlier)


def finetune(spec: Experiment, dense: Train, ticket: Train, mask: Prune, earlier: Gate | None) -> Iterator[Step]:
    """The survivors as they were trained, trained on at the last learning rate, as long as the ticket. Same source."""
    trained = Rewind(cohort=mask.cohort, level=mask.level, arm="finetune", mask=mask, kept=None, trained=mask.trained)
    yield trained
    yield from _trained_and_judged(spec, dense, ticket, trained, earlier, held=True)


def smaller(
    spec: Experiment, dense: Train, ticket: Train, mask: Prune, earlier: Gate | None, *, rung: str, long: bool = False
) -> Iterator[Step]:
    """A dense network of a rung's weights, trained from scratch: is a sparse network better than a smaller one?

    The ticket was paid for with every round before it: `long` has as many updates as all of them.
    """
    cohort, level, arm = mask.cohort, mask.level, rung + ladder.LONG * long
    stop = ladder.updates(spec) if long else spec.training.steps
    trained = Train(cohort=cohort, level=level, arm=arm, rung=rung, start=0, stop=stop)
    yield trained
    yield Gate(
        cohort=cohort, level=level, arm=arm, dense=dense, candidate=trained, mask=mask, ticket=ticket, earlier=earlier
    )


MASKED: dict[str, Control] = {"reinit": reinit, "random": random, "lr-rewind": lr_rewind, "finetune": finetune}
"""Those under a mask, by the name that a spec has for them."""
CONTROLS: dict[str, Control] = {
    **MASKED,
    **{
        rung + ladder.LONG * long: partial(smaller, rung=rung, long=long)
        for rung in ladder.RUNGS
        for long in (False, True)
    },
}
"""By arm."""


def masked(spec: Experiment) -> tuple[str, ...]:
    """The controls of the spec that a mask makes: they stand beside every ticket."""
    return tuple(control for control in spec.controls if control != ladder.LADDER)


def family(spec: Experiment, arm: str) -> tuple[str, ...]:
    """The arms that share an interval with this one, since they answer one question: masks, or the ladder."""
    return ladder.arms(spec) if arm in ladder.arms(spec) else masked(spec)


def beside(spec: Experiment, level: int) -> tuple[str, ...]:
    """The arms beside the ticket of a level: at the target, the ladder too."""
    return (*masked(spec), *(ladder.arms(spec) if level == rounds(spec.pruning) else ()))


def _trained_and_judged(
    spec: Experiment,
    dense: Train,
    ticket: Train,
    weights: Rewind,
    earlier: Gate | None,
    *,
    start: int | None = None,
    held: bool = False,
) -> Iterator[Step]:
    cohort, level, arm, mask = weights.cohort, weights.level, weights.arm, weights.mask
    begin = spec.pruning.rewind_to if start is None else start
    end = spec.training.steps
    trained = Train(cohort=cohort, level=level, arm=arm, weights=weights, mask=mask, start=begin, stop=end, held=held)
    yield trained
    yield Gate(
        cohort=cohort, level=level, arm=arm, dense=dense, candidate=trained, mask=mask, ticket=ticket, earlier=earlier
    )
