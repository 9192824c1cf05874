"""Iterative magnitude pruning: Frankle & Carbin, The Lottery Ticket Hypothesis, ICLR 2019 (arXiv 1803.03635)."""

from collections.abc import Iterator

from .controls import CONTROLS
from .schedule import rounds
from .spec import Experiment
from .steps import Benchmark, Gate, Prune, Report, Rewind, Step, Train


def imp(spec: Experiment, *, cohort: int = 0, last: int | None = None) -> Iterator[Step]:
    """Yield the steps of an experiment, in order. Pure: same spec, same steps.

    `last` ends the rounds at that level: an executor passes it after a gate said FAIL, if `stop_on_fail` is set.
    """
    k, T = spec.pruning.rewind_to, spec.training.steps
    dense = ticket = Train(cohort=cohort, level=0, arm="dense", start=0, stop=T, keep=k)
    yield dense

    mask: Prune | None = None
    gates: list[Gate] = []
    for level in range(1, 1 + (rounds(spec.pruning) if last is None else last)):
        mask = Prune(cohort=cohort, level=level, arm="ticket", trained=ticket, previous=mask)
        yield mask

        rewound = Rewind(cohort=cohort, level=level, arm="ticket", mask=mask, kept=dense)
        yield rewound

        ticket = Train(cohort=cohort, level=level, arm="ticket", weights=rewound, mask=mask, start=k, stop=T)
        yield ticket

        for control in spec.controls:  # in parallel with the ticket, where the executor can
            for step in CONTROLS[control](spec, dense, ticket, mask):
                yield step
                gates += [step] if isinstance(step, Gate) else []

        gates += [Gate(cohort=cohort, level=level, arm="ticket", dense=dense, candidate=ticket, mask=mask)]
        yield gates[-1]

    if mask is not None:
        at, variant = mask.level, spec.benchmark.digest
        speed = Benchmark(cohort=cohort, level=at, arm="ticket", variant=variant, dense=dense, ticket=ticket, mask=mask)
        yield speed
        yield Report(cohort=cohort, level=at, arm="ticket", gates=tuple(gates), benchmark=speed)
