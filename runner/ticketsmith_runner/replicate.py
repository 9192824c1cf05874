"""The replicate of a run that is measured and packed: which one, and its networks out of the ledger."""

from dataclasses import dataclass
from statistics import median_low

from torch import Tensor, nn

from ticketsmith.errors import Diverged, IntegrityError, UsageError
from ticketsmith.lottery.results import TrainMetrics
from ticketsmith.lottery.steps import Benchmark, Train

from . import ladder
from .context import Context
from .network import restore
from .subject import Networks, Subject
from .tensors import member


def subject_of(step: Benchmark, context: Context, replicate: int | None = None) -> Subject:
    """A replicate by its number over all cohorts, or the one that the spec asks for.

    It is timed on its test split, and int8 is calibrated on examples that it was trained on.
    """
    chosen = networks(step, context, context.spec.benchmark.replicate if replicate is None else replicate)
    return Subject(
        **vars(chosen), inputs=context.inputs(chosen.replicate), calibration=context.calibration(chosen.replicate)
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Rung:
    """A smaller dense network, to be timed beside dense and ticket."""

    subject: Subject
    weights: int
    """Prunable ones."""


def rung_of(subject: Subject, context: Context, name: str) -> Rung:
    """A rung of the ladder in the place of dense, on the subject's examples; of theta_0, which takes as long."""
    made = context.network(f"rung/{name}", subject.replicate, name).eval()
    alone = Subject(
        replicate=subject.replicate,
        dense=made,
        masked=made,
        masks={},
        inputs=subject.inputs,
        calibration=subject.calibration,
    )
    return Rung(subject=alone, weights=ladder.rung(context, name).weights)


def networks(step: Benchmark, context: Context, replicate: int | None = None) -> Networks:
    """A replicate's networks, by default of the one with the median validation loss.

    Raises IntegrityError if the ticket has weights outside its mask.
    """
    metrics = TrainMetrics.model_validate_json(context.ledger.read(step.ticket, "metrics.json"))
    r = median_replicate(metrics) if replicate is None else _place(metrics.replicates, replicate)
    masks = member(context.tensors(step.mask, "mask.safetensors"), r)
    ticket = weights(step.ticket, context, r)
    if strays := [name for name, mask in masks.items() if ticket[name][~mask].any()]:
        raise IntegrityError(
            f"{step.ticket.key}: weights outside the mask of {step.mask.key} are not zero: {', '.join(strays)}",
            "the ticket was not trained under this mask: move its level away and run the same command again",
        )
    dense = network(weights(step.dense, context, r), context)
    return Networks(replicate=metrics.replicates[r], dense=dense, masked=network(ticket, context), masks=masks)


def median_replicate(metrics: TrainMetrics) -> int:
    """Position of the replicate whose least validation loss is the (lower) median. Ties: the first. Diverged: never."""
    pairs = enumerate(zip(metrics.validation_loss, metrics.diverged_at, strict=True))
    best = {r: min(v for v in losses if v is not None) for r, (losses, at) in pairs if at is None}
    if not best:
        raise Diverged(
            "every replicate of the ticket diverged: there is nothing to measure", "lower training.learning_rate"
        )
    middle = median_low(best.values())
    return next(r for r, loss in best.items() if loss == middle)


def _place(replicates: list[int], wanted: int) -> int:
    if wanted not in replicates:
        raise UsageError(f"there is no replicate {wanted} in this cohort", f"choose from {replicates}")
    return replicates.index(wanted)


def weights(step: Train, context: Context, r: int) -> dict[str, Tensor]:
    """The weights of a training's replicate, by its place in the cohort."""
    return member(context.tensors(step, "weights.safetensors"), r)


def network(state: dict[str, Tensor], context: Context) -> nn.Module:
    """The task's network with these weights, in eval mode."""
    made = context.network()
    restore(made, state)
    return made.eval()
