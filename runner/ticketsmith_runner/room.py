"""Will it fit into memory? What obviously will not is refused before any work: a machine that swaps answers to nobody.

P: parameters of the network.  R: replicates of a cohort.  All are lower bounds, so that nothing that fits is refused.
"""

from math import prod

import torch

from ticketsmith.allowance import memory
from ticketsmith.errors import UsageError
from ticketsmith.lottery.spec import Experiment
from ticketsmith.lottery.task import Task
from ticketsmith.names import load

WORD = 4  # bytes of a float32
GIB = 2**30


def refuse_what_does_not_fit(spec: Experiment, task: Task, workers: int, available: int | None = None) -> None:
    """Raises UsageError, with the numbers, if a part of the spec needs more memory than there is."""
    there = memory() if available is None else available
    for field, needs, why in needed(spec, task, workers):
        if needs > there:
            raise UsageError(
                f"{field}: {why} take at least {needs / GIB:,.1f} GiB of memory, {there / GIB:,.1f} GiB are here",
                f"a smaller {field}" + (", or fewer --workers" if workers > 1 else ""),
            )


def needed(spec: Experiment, task: Task, workers: int) -> list[tuple[str, int, str]]:
    """The field to blame, bytes, and what takes them."""
    weights, at_once = parameters(spec, task), min(workers, spec.replicates)
    # A training holds weights, gradients and two copies; a cohort's end holds all weights thrice, to stack and to pack.
    span, size = min(spec.training.evaluate_every, spec.training.steps), spec.training.batch_size
    batch = max(spec.benchmark.batch_sizes)
    return [
        ("model.hidden", 4 * WORD * weights * at_once, f"{weights:,} parameters in {at_once} trainings at a time"),
        ("replicates", 3 * WORD * weights * spec.replicates, f"{spec.replicates:,} times {weights:,} parameters"),
        ("training.evaluate_every", 2 * WORD * span * size * at_once, f"the orders of {span:,} updates"),
        ("benchmark.batch_sizes", WORD * batch * prod(task.shape), f"batches of {batch:,} examples"),
    ]


def parameters(spec: Experiment, task: Task) -> int:
    """P, counted on a network that takes no memory."""
    with torch.device("meta"):
        network = load("ticketsmith_runner.models", spec.model.name).build(task.shape, task.classes, spec.model.hidden)
    return sum(parameter.numel() for parameter in network.parameters())
