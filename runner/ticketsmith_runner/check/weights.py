"""The parameters of the network: which are pruned, and why others are not."""

from collections.abc import Iterator

from torch import Tensor, nn

from ticketsmith.lottery.examination import Weight

from ..network import LAYERS, matrices
from ..seeds import seeded
from .findings import Sentence, note, problem, some
from .trial import Trial

NORMS = (
    nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm,
)  # fmt: skip
TABLES = (nn.Embedding, nn.EmbeddingBag)


def table(trial: Trial) -> list[Weight]:
    """Every parameter once, under its first name."""
    network, sizes = trial.network, trial.sizes
    return [
        Weight(
            name=name,
            shape=list(parameter.shape),
            prunable=name in sizes,
            reason="" if name in sizes else _reason(trial, name, parameter),
        )
        for name, parameter in network.named_parameters()
    ]


def prunable(trial: Trial) -> Iterator[Sentence]:
    """Something is prunable, and as much of it as the target asks for."""
    whole, count = sum(p.numel() for p in trial.network.parameters()), sum(trial.sizes.values())
    try:
        _ = trial.last_mask
    except ValueError as error:
        yield problem(
            f"sparsity {trial.spec.pruning.sparsity:g} by {trial.spec.pruning.granularity} cannot be reached: {error}",
            "take pruning.granularity weight, a lower sparsity, or raise pruning.output_rate",
        )
    if count < whole / 2:
        yield note(
            f"{count:,} of {whole:,} parameters are prunable: sparsity is a share of those",
            "`prunable(model)` of the task may name others, for example an embedding's weight",
        )


def tied(trial: Trial) -> Iterator[Sentence]:
    """One tensor under several names is one tensor, with one mask."""
    names: dict[int, list[str]] = {}
    for name, parameter in trial.network.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    for first, *others in (same for same in names.values() if len(same) > 1):
        pruned = "pruned" if first in trial.sizes else "not pruned"
        yield note(f"{some(others)} shares its tensor with {first}: counted once, {pruned}, and tied throughout")


def frozen(trial: Trial) -> Iterator[Sentence]:
    """Parameters that do not train stay as `model()` made them."""
    if names := [name for name, parameter in trial.network.named_parameters() if not parameter.requires_grad]:
        yield note(f"frozen: {some(names)}: neither trained nor pruned")


def unused(trial: Trial) -> Iterator[Sentence]:
    """A parameter that the loss does not reach."""
    network = trial.fresh().train()
    with seeded(0), trial.task.told("loss"):
        loss = trial.task.loss(network, trial.batch).float().mean()
        if not loss.requires_grad:
            yield problem("loss() does not depend on any parameter of the network", "no detach(), no no_grad() in it")
            return
        loss.backward()  # type: ignore[no-untyped-call]
    names = [name for name, value in network.named_parameters() if value.requires_grad and value.grad is None]
    if lost := [name for name in names if name in trial.sizes]:
        yield note(
            f"the loss does not reach {some(lost)}: what is pruned there saves nothing, yet counts as sparsity",
            "remove the layer from the model, or leave it out of `prunable(model)`",
        )
    if rest := [name for name in names if name not in trial.sizes]:
        yield note(f"the loss does not reach {some(rest)}: not trained")
    if bad := [n for n, p in network.named_parameters() if p.grad is not None and not p.grad.isfinite().all()]:
        yield problem(
            f"the gradient of the first batch is NaN or infinite in {some(bad)}",
            "look for a root or a division that is not defined at 0",
        )


def _reason(trial: Trial, name: str, parameter: Tensor) -> str:
    owners = [
        (module, path) for path, module in trial.network.named_modules() for own in module.parameters(recurse=False)
        if own is parameter
    ]  # fmt: skip
    table = next((path for module, path in owners if isinstance(module, TABLES)), None)
    layer = any(isinstance(m, LAYERS) and any(w is parameter for w in matrices(m)) for m, _ in owners)
    if not parameter.requires_grad:
        return "frozen"
    if table is not None and layer:
        return f"tied with the embedding {table}"
    if table is not None:
        return "an embedding"
    if any(isinstance(module, NORMS) for module, _ in owners):
        return "a norm"
    if name.rpartition(".")[2].endswith("bias"):
        return "a bias"
    if hasattr(trial.task.code, "prunable"):
        return "not named by prunable()"
    if parameter.dim() < 2:
        return "a vector"
    return f"of a {type(owners[0][0]).__name__}: only prunable(model) can name it"
