"""The trainer of each level: a fixed rule on network and planned density, never on a clock.

A noisy timing must not change a digit on resume, and all arms of a level must be trained alike. So the choice follows
from the spec, is settled once per run, and holds for every cohort, pod and resumption.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ticketsmith.documents import canonical
from ticketsmith.errors import UsageError
from ticketsmith.ledger import TRAINERS
from ticketsmith.lottery.ladder import rungs
from ticketsmith.lottery.schedule import kept, rounds
from ticketsmith.lottery.spec import Experiment, Training

from .attempt import attempt
from .context import Context
from .evaluate import moved
from .examples import Batch
from .network import state as state_of
from .seeds import drawn, seeded, states
from .tasks import Task
from .trainers import Batches, trainer, weights
from .trainers._recorded import WARM

SPARSE = 0.7  # density below which skipping zeros beats dense kernels: benchmarks/README.md has the table
SMALL = 100_000  # weights up to which it beats them even where there are no zeros: dense kernels are called, not used
At = TypeVar("At", bound=int | str)
"""A level, or the name of a rung."""
TOLERANCE = 1e-5  # of the probe, on weights and logits of order 1


@dataclass(frozen=True)
class Choice:
    """A trainer and the reason for it, as it stands in the record."""

    trainer: str
    reason: str


def settled(context: Context) -> dict[int | str, str]:
    """Level, or rung of the ladder -> trainer for the whole run.

    Raises UsageError if the trainer that was asked for cannot do it.
    """
    choices = json.loads(settle(context)).items()
    return {int(at) if at.isdigit() else at: choice["trainer"] for at, choice in choices}


def trainer_at(context: Context, at: int | str) -> str:
    """The trainer of a level, or of a rung; past the target, where rounds may follow a plan, that of the target."""
    choices = settled(context)
    return choices[at] if at in choices else choices[rounds(context.spec.pruning)]


def prepare(context: Context, level: int | None) -> None:
    """Settle the choices and import what one level (None: every level) needs, before workers are forked.

    Raises UsageError if the spec asks for what is not here.
    """
    if context.spec.training.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("training.device: cuda, and no GPU is here", "run it where one is, or with cpu")
    own = None if level is None else trainer_at(context, level)
    for at, name in settled(context).items():
        if own in (None, name) or isinstance(at, str):
            trainer(name)
    if context.spec.sources.weights and level in (None, 0):
        context.start(0)  # what does not fit ends the run now; the workers share what is loaded


def settle(context: Context) -> bytes:
    """The run's `trainers.json`: level, or rung -> trainer and reason."""

    def propose() -> bytes:
        attempt(context)
        choices = vetted({**plan(context), **climb(context)}, lambda name: difference(name, context))
        return canonical({str(at): asdict(choice) for at, choice in choices.items()})

    return context.ledger.settle(TRAINERS, propose)


def plan(context: Context) -> dict[int, Choice]:
    """The rule. Pure: same spec and task, same choices."""
    network, subject = context.network(), Subject.of(context)
    densities = _densities(context.spec, context.task.prunable(network))
    return {level: choose(context.spec.training, network, subject, left) for level, left in densities.items()}


def climb(context: Context) -> dict[str, Choice]:
    """The same rule for the rungs of the ladder, which are dense. Raises UsageError for one that cannot be made."""
    choices = {}
    for name in rungs(context.spec):
        subject = Subject.of(context, name)
        choices[name] = choose(context.spec.training, context.network(rung=name), subject, density=1.0)
    return choices


@dataclass(frozen=True)
class Subject:
    """Everything besides the network that a trainer must cope with."""

    task: Task
    weights: int
    """Prunable ones."""
    resident: bool
    """True if the examples are in memory."""
    draws: bool
    """True if the loss draws numbers, as that of a VAE does."""
    uniform: bool = True
    """True if every batch has one shape and holds tensors alone."""

    @staticmethod
    def of(context: Context, rung: str | None = None) -> "Subject":
        """Tries the loss on a batch of two. Raises UsageError if it fails."""
        network, task, examples = context.network("init", rung=rung), context.task, context.examples
        batch = examples.batch(context.split(0).train[:2])
        with seeded(0), task.told("loss"), torch.no_grad():
            before = states()
            task.loss(network.train(), batch)
            draws = drawn(before)
        weights = sum(task.prunable(network).values())
        tensors = all(isinstance(leaf, Tensor) for leaf in tree_leaves(batch))
        return Subject(task, weights, examples.tensors is not None, draws, tensors and examples.collate is None)


def vetted(choices: Mapping[At, Choice], probe: Callable[[str], float]) -> dict[At, Choice]:
    """The same, with `eager` in place of a trainer whose first update is not that of `eager`: see `difference`."""
    names = {choice.trainer for choice in choices.values()} - {"eager"}
    vetoes = {name: reason for name in names if (reason := _veto(name, probe))}
    return {
        at: Choice("eager", vetoes[choice.trainer]) if choice.trainer in vetoes else choice
        for at, choice in choices.items()
    }


def _veto(name: str, probe: Callable[[str], float]) -> str | None:
    try:
        distance = probe(name)
    except (RuntimeError, TypeError, ValueError, LookupError, AttributeError) as error:
        # Mostly torch's word for what a network does that a trainer cannot.
        return f"{name} fails on this machine: {next(iter(str(error).splitlines()), type(error).__name__)}"
    return None if distance <= TOLERANCE else f"{name} differs from it by {distance:.0e} on this machine"


def difference(name: str, context: Context) -> float:
    """The largest difference, in a weight or a loss, after one update of a trainer and of `eager` on real examples.

    In float32, by SGD with the options asked for: the first update of Adam is the sign of a gradient, which rounding
    turns. What the spec asks for besides is only made, on a GPU until it is recorded, since it may fail there.
    """
    asked, loss = context.spec.training, context.task.loss
    size = min(asked.batch_size, 256)
    batch = context.examples.batch(context.split(0).train[:size])
    start, draws = state_of(context.network("probe")), torch.Generator().manual_seed(0)
    sizes = context.task.prunable(context.network())
    mask = {layer: torch.rand(start[layer].shape, generator=draws) < 0.5 for layer in sizes}
    state = {f"weights/{key}": value * mask.get(key, torch.tensor(1)) for key, value in start.items()}
    resident = context.examples.tensors is not None  # if not, a batch need not begin with the examples
    batches = Batches(batch, lambda update: torch.arange(size)) if resident else _Whole(batch)

    def after(name: str, training: Training, updates: int = 1) -> dict[str, Tensor]:
        trained = trainer(name).start(context.network(), state, mask, training, loss)
        trained.advance(range(updates), batches.on(training.device))
        values = {key: value.float() for key, value in weights(trained.weights()).items()}
        with seeded(0), torch.no_grad():
            return values | {"": loss(trained.model, batches.on(training.device)(0)).detach().cpu()}

    options = {name: getattr(asked, name) for name in ("momentum", "nesterov", "weight_decay", "clip")}
    plain = Training(steps=1, batch_size=size, learning_rate=0.1, **options)
    same = plain.model_copy(update={"device": asked.device})
    wanted = same.model_copy(update={"precision": asked.precision})
    if wanted != plain:
        after(name, wanted, WARM + 1)
    ours, theirs = after(name, same), after("eager", plain)
    return max(float((ours[key] - theirs[key]).abs().max()) for key in theirs)


@dataclass(frozen=True)
class _Whole:
    """One batch for every update."""

    batch: Batch

    def on(self, device: str) -> "_Whole":
        return _Whole(moved(self.batch, torch.device(device)))

    def noise(self, update: int) -> int:
        return update

    def __call__(self, update: int) -> Batch:
        return self.batch


def _densities(spec: Experiment, sizes: Mapping[str, int]) -> dict[int, float]:
    output, whole = list(sizes)[-1], sum(sizes.values())
    levels = range(1, 1 + rounds(spec.pruning))
    return {0: 1.0} | {level: sum(kept(sizes, output, spec.pruning, level).values()) / whole for level in levels}


def choose(training: Training, network: nn.Module, subject: Subject, density: float) -> Choice:
    """The trainer of one network at one density. Raises UsageError if the one that is asked for cannot train it."""
    if training.trainer != "auto":
        if reason := _unable(training.trainer, training, network, subject):
            raise UsageError(f"training.trainer: {training.trainer} cannot train this network: {reason}", "take auto")
        return Choice(training.trainer, "asked for by the spec")
    name, reason = _proposed(training, network, subject, density)
    if unable := _unable(name, training, network, subject):
        return Choice("eager", unable)
    return Choice(name, reason)


def _proposed(training: Training, network: nn.Module, subject: Subject, density: float) -> tuple[str, str]:
    if training.device == "cuda":
        if any(isinstance(module, nn.modules.conv._ConvNd) for module in network.modules()):
            return "eager", "a GPU trains convolutions of one replicate after another: side by side they take longer"
        return "stack", "a GPU trains all replicates at once"
    if subject.weights <= SMALL:
        return "csr-mlp", f"a chain of Linear and ReLU with {subject.weights:,} weights, not more than {SMALL:,}"
    below = density < SPARSE
    left = f"{density:.1%} of its weights left, {'below' if below else 'not below'} {SPARSE:.0%}"
    return ("csr-mlp" if below else "dense-mlp"), f"a chain of Linear and ReLU with {left}"


def _unable(name: str, training: Training, network: nn.Module, subject: Subject) -> str | None:
    """The reason why a trainer cannot train a network as the spec asks, or None."""
    file = trainer(name)
    if training.device not in file.DEVICES:
        return f"{name} does not compute on {training.device}"
    if training.precision not in file.PRECISIONS:
        return f"{name} does not know {training.precision}"
    if refused := file.refuses(network):
        return refused
    if (losses := getattr(file, "LOSSES", None)) and not (subject.resident and subject.task.loss in losses):
        return f"{name} knows the loss of objectives.classification on examples in memory alone"
    if hasattr(file, "group") and subject.draws:
        return f"{name} would draw the noise of the loss for all replicates at once"
    if hasattr(file, "group") and not subject.uniform:
        return f"{name} lays batches side by side, and those of this task are not tensors of one shape"
    if any(not parameter.requires_grad for parameter in network.parameters()) and name not in ("eager", "stack"):
        return f"{name} trains every parameter, and some are frozen"
    return None
