"""Which trainer each level has: a fixed rule on network and planned density, never on a clock.

A noisy timing must not change a digit on resume, and all arms of a level must be trained alike. So the choice follows
from the spec, is settled once per run, and holds for every cohort, pod and resumption.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from ticketsmith.documents import canonical
from ticketsmith.errors import UsageError
from ticketsmith.ledger import TRAINERS
from ticketsmith.lottery.schedule import kept, rounds
from ticketsmith.lottery.spec import Experiment, Training
from ticketsmith.lottery.task import Task

from .context import Context
from .network import build, draw, prunable
from .trainers import Batches, trainer, weights
from .trainers._recorded import WARM

SPARSE = 0.7  # density below which skipping zeros beats dense kernels: benchmarks/README.md has the table
SMALL = 100_000  # weights up to which it beats them even where there are no zeros: dense kernels are called, not used
TOLERANCE = 1e-5  # of the probe, on weights and logits of order 1


@dataclass(frozen=True)
class Choice:
    """A trainer and the reason for it, as it stands in the record."""

    trainer: str
    reason: str


def settled(context: Context) -> dict[int, str]:
    """Level -> trainer for the whole run. Raises UsageError if the trainer that was asked for cannot do it."""
    return {int(level): choice["trainer"] for level, choice in json.loads(settle(context)).items()}


def prepare(context: Context, level: int | None) -> None:
    """Settle the choices and import what one level (None: every level) needs, before workers are forked.

    Raises UsageError if the spec asks for what is not here.
    """
    if context.spec.training.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("training.device: cuda, and no GPU is here", "run it where one is, or with cpu")
    for at, name in settled(context).items():
        if level in (None, at):
            trainer(name)


def settle(context: Context) -> bytes:
    """The run's `trainers.json`: level -> trainer and reason."""

    def propose() -> bytes:
        choices = vetted(plan(context.spec, context.task), lambda name: difference(name, context.spec, context.task))
        return canonical({str(level): asdict(choice) for level, choice in choices.items()})

    return context.ledger.settle(TRAINERS, propose)


def plan(spec: Experiment, task: Task) -> dict[int, Choice]:
    """The rule. Pure: same spec, same choices."""
    network = build(spec.model, task)
    return {level: choose(spec.training, network, left) for level, left in _densities(spec, network).items()}


def vetted(choices: Mapping[int, Choice], probe: Callable[[str], float]) -> dict[int, Choice]:
    """The same, with `eager` in place of a trainer whose first update here is not that of `eager`: see `difference`."""
    names = {choice.trainer for choice in choices.values()} - {"eager"}
    vetoes = {name: reason for name in names if (reason := _veto(name, probe))}
    return {
        level: Choice("eager", vetoes[choice.trainer]) if choice.trainer in vetoes else choice
        for level, choice in choices.items()
    }


def _veto(name: str, probe: Callable[[str], float]) -> str | None:
    try:
        found = probe(name)
    except RuntimeError as error:  # torch's word for whatever a network does that a trainer cannot
        return f"{name} fails on this machine: {str(error).splitlines()[0]}"
    return None if found <= TOLERANCE else f"{name} differs from it by {found:.0e} on this machine"


def difference(name: str, spec: Experiment, task: Task) -> float:
    """The largest difference, in a weight or logit, after one update of a trainer and of `eager` on drawn data.

    In float32, by SGD with the options asked for: the first update of Adam is the sign of a gradient, which rounding
    turns. What the spec asks for besides is only made, on a GPU until it is recorded, since it may fail there.
    """
    draws = torch.Generator().manual_seed(0)
    size = min(spec.training.batch_size, 256)
    inputs = torch.randn(size, *task.shape, generator=draws)
    labels = torch.randint(0, task.classes, (size,), generator=draws)
    batches = Batches(inputs, labels, lambda update: torch.arange(size))
    start = draw(build(spec.model, task), draws)
    mask = {layer: torch.rand(start[layer].shape, generator=draws) < 0.5 for layer in prunable(build(spec.model, task))}
    state = {f"weights/{key}": value * mask.get(key, torch.tensor(1)) for key, value in start.items()}

    def after(name: str, training: Training, updates: int = 1) -> dict[str, Tensor]:
        trained = trainer(name).start(build(spec.model, task), state, mask, training)
        trained.advance(range(updates), batches.on(training.device))
        return {**weights(trained.weights()), "logits": trained.forward(inputs)}

    options = {name: getattr(spec.training, name) for name in ("momentum", "nesterov", "weight_decay", "clip")}
    plain = Training(steps=1, batch_size=size, learning_rate=0.1, **options)
    here = plain.model_copy(update={"device": spec.training.device})
    asked = here.model_copy(update={"precision": spec.training.precision})
    if asked != plain:
        after(name, asked, WARM + 1)
    ours, theirs = after(name, here), after("eager", plain)
    return max(float((ours[key] - theirs[key]).abs().max()) for key in theirs)


def _densities(spec: Experiment, network: nn.Module) -> dict[int, float]:
    sizes = prunable(network)
    output, whole = list(sizes)[-1], sum(sizes.values())
    levels = range(1, 1 + rounds(spec.pruning))
    return {0: 1.0} | {level: sum(kept(sizes, output, spec.pruning, level).values()) / whole for level in levels}


def choose(training: Training, network: nn.Module, density: float) -> Choice:
    """The trainer of one network at one density. Raises UsageError if the one that is asked for cannot train it."""
    if training.trainer != "auto":
        if reason := _unable(training.trainer, training, network):
            raise UsageError(f"training.trainer: {training.trainer} cannot train this network: {reason}", "take auto")
        return Choice(training.trainer, "asked for by the spec")
    name, reason = _proposed(training, network, density)
    if unable := _unable(name, training, network):
        return Choice("eager", unable)
    return Choice(name, reason)


def _proposed(training: Training, network: nn.Module, density: float) -> tuple[str, str]:
    if training.device == "cuda":
        if any(isinstance(module, nn.modules.conv._ConvNd) for module in network.modules()):
            return "eager", "a GPU trains convolutions of one replicate after another: side by side they take longer"
        return "stack", "a GPU trains all replicates at once"
    weights = sum(prunable(network).values())
    if weights <= SMALL:
        return "csr-mlp", f"a chain of Linear and ReLU with {weights:,} weights, not more than {SMALL:,}"
    below = density < SPARSE
    left = f"{density:.1%} of its weights left, {'below' if below else 'not below'} {SPARSE:.0%}"
    return ("csr-mlp" if below else "dense-mlp"), f"a chain of Linear and ReLU with {left}"


def _unable(name: str, training: Training, network: nn.Module) -> str | None:
    """Why a trainer cannot train a network as the spec asks, or None."""
    file = trainer(name)
    if training.device not in file.DEVICES:
        return f"{name} does not compute on {training.device}"
    if training.precision not in file.PRECISIONS:
        return f"{name} does not know {training.precision}"
    return file.refuses(network)
