"""Iterative magnitude pruning: Frankle & Carbin, The Lottery Ticket Hypothesis, ICLR 2019 (arXiv 1803.03635)."""

from collections.abc import Generator, Iterator, Mapping

from .controls import CONTROLS, beside
from .schedule import rounds
from .spec import Experiment
from .steps import Benchmark, Gate, Prune, Report, Rewind, Step, Train

Earlier = Mapping[tuple[int, str], Gate]
"""The gates of the cohort before, by level and arm."""


def imp(spec: Experiment, *, cohorts: int = 1, last: int | None = None, measured: int | None = None) -> Iterator[Step]:
    """Yield the steps of an experiment, in order. Pure: same spec, same steps.

    An executor asks for one more of the `cohorts` of replicates while the gate at the target is undecided, and passes
    `last`, the level that ends the rounds, where a gate ended them early (`stop_on_fail`) or took them past the target
    (`until_fail`). Speed is that of the level `measured`, by default of the target or, before it, of the last.
    """
    gates: list[Gate] = []
    for cohort in range(cohorts):
        gates = yield from search(spec, cohort, {(gate.level, gate.arm): gate for gate in gates}, last)

    if gates:
        measured = measured or min(gates[-1].level, rounds(spec.pruning))
        last_gate = [gate for gate in gates if gate.arm == "ticket" and gate.level == measured][-1]
        speed = Benchmark(
            cohort=last_gate.cohort,
            level=last_gate.level,
            arm="ticket",
            variant=spec.benchmark.digest,
            dense=last_gate.dense,
            ticket=last_gate.candidate,
            mask=last_gate.mask,
            earlier=tuple(gate.dense for gate in last_gate.pooled[:-1]),
            earlier_tickets=tuple(gate.candidate for gate in last_gate.pooled[:-1]),
            earlier_masks=tuple(gate.mask for gate in last_gate.pooled[:-1]),
        )
        yield speed
        yield Report(cohort=speed.cohort, level=speed.level, arm="ticket", gates=tuple(gates), benchmark=speed)


def search(spec: Experiment, cohort: int, earlier: Earlier, last: int | None) -> Generator[Step, None, list[Gate]]:
    """Train dense; then, round by round, prune, rewind, retrain and judge, for one cohort. Returns its gates."""
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

        for control in beside(spec, level):  # in parallel with the ticket, where the executor can
            for step in CONTROLS[control](spec, dense, ticket, mask, earlier.get((level, control))):
                yield step
                gates += [step] if isinstance(step, Gate) else []

        before = earlier.get((level, "ticket"))
        gate = Gate(cohort=cohort, level=level, arm="ticket", dense=dense, candidate=ticket, mask=mask, earlier=before)
        gates.append(gate)
        yield gate
    return gates
