"""Choose the survivors of a round, replicate by replicate."""

import torch
from torch import Tensor, nn

from ticketsmith.documents import canonical
from ticketsmith.errors import Diverged, UsageError
from ticketsmith.lottery.results import Density, TrainMetrics
from ticketsmith.lottery.schedule import kept
from ticketsmith.lottery.steps import Prune, Train

from .. import masks
from ..context import Artifacts, Context
from ..granularities import granularity
from ..names import load
from ..seeds import generator
from ..tensors import member, pack, stack


def run(step: Prune, context: Context) -> Artifacts:
    """`mask.safetensors`: weight name -> bool (R, *shape); `density.json`: counts, taken from the mask."""
    network = context.network()
    sizes = context.task.prunable(network)
    members = [
        _magnitude(step, context, r, network) if step.like is None else _random(step, context, r, network)
        for r in range(len(context.replicates(step)))
    ]
    counts = Density(kept={name: int(members[0][name].sum()) for name in sizes}, sizes=sizes)
    return Artifacts(
        files={"mask.safetensors": pack(stack(members)), "density.json": canonical(counts.model_dump(mode="json"))}
    )


def _magnitude(step: Prune, context: Context, r: int, network: nn.Module) -> dict[str, Tensor]:
    """The mask by the spec's criterion, inside the mask of the round before."""
    assert step.trained is not None
    sizes = context.task.prunable(network)
    if step.previous is None:
        _refuse_diverged(step.trained, context)
    score = load("criteria", context.spec.pruning.criterion).score
    weights = member(context.tensors(step.trained, "weights.safetensors"), r)
    scores = {name: score(weights[name]) for name in sizes}
    alive = (
        masks.ones(scores) if step.previous is None else member(context.tensors(step.previous, "mask.safetensors"), r)
    )
    try:
        counts = kept(sizes, list(sizes)[-1], context.spec.pruning, step.level)
    except ValueError as error:
        sparsity = context.spec.pruning.sparsity
        raise UsageError(f"sparsity {sparsity:g} cannot be reached: {error}", "raise pruning.output_rate") from error
    return _pruned(context, network, scores, {name: alive[name] for name in sizes}, counts)


def _random(step: Prune, context: Context, r: int, network: nn.Module) -> dict[str, Tensor]:
    """A random mask with the ticket's counts, layer by layer."""
    assert step.like is not None
    like = member(context.tensors(step.like, "mask.safetensors"), r)
    stream = generator(context.spec.seed, context.replicates(step)[r], f"random-mask/{step.level}")
    drawn = {name: torch.rand(mask.shape, generator=stream) for name, mask in sorted(like.items())}
    scores = {name: drawn[name] for name in context.task.prunable(network)}
    return _pruned(context, network, scores, masks.ones(scores), {name: int(like[name].sum()) for name in scores})


def _pruned(
    context: Context,
    network: nn.Module,
    scores: dict[str, Tensor],
    alive: dict[str, Tensor],
    counts: dict[str, int],
) -> dict[str, Tensor]:
    competing = context.spec.pruning.granularity
    try:
        return granularity(competing).prune(network, scores, alive, counts)
    except ValueError as error:
        problem = f"pruning.granularity: {competing} cannot prune this network: {error}"
        raise UsageError(problem, "take weight") from error


def _refuse_diverged(trained: Train, context: Context) -> None:
    """A dense training that diverged leaves nothing to prune and nothing to compare with."""
    metrics = TrainMetrics.model_validate_json(context.ledger.read(trained, "metrics.json"))
    gone = {r: at for r, at in zip(metrics.replicates, metrics.diverged_at, strict=True) if at is not None}
    if gone:
        listed = ", ".join(f"replicate {r} at update {at}" for r, at in gone.items())
        raise Diverged(
            f"the dense training diverged (loss is NaN or infinite): {listed}",
            f"lower training.learning_rate (now {context.spec.training.learning_rate:g}); what was trained is kept",
        )
