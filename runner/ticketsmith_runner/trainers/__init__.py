"""One file per way to make updates. What a training is does not depend on it; how long it takes does.

A *state* holds the tensors a training starts from: `weights/<name>` for everything in the state dict, and
`optimizer/<slot>/<name>` for the optimizer's memory, where there is one. Shapes are those of the dense network, zero
where the mask has no weight, whatever a trainer keeps inside.

B: examples of a batch.  C: classes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from ticketsmith.lottery.spec import Training

from ..names import load

State = dict[str, Tensor]
Mask = Mapping[str, Tensor]
Forward = Callable[[Tensor], Tensor]


class Examples(Protocol):
    """What the updates of a training see."""

    def __call__(self, update: int) -> tuple[Tensor, Tensor]:
        """Inputs (B, ...) and labels (B,) of one update."""

    def noise(self, update: int) -> int:
        """The seed of what an update draws besides its batch, such as which units dropout leaves out."""


@dataclass(frozen=True)
class Batches:
    """Examples resident in memory, and which of them each update sees."""

    inputs: Tensor
    """(N, ...), float32."""
    labels: Tensor
    """(N,), int64."""
    chosen: Callable[[int], Tensor]
    """Update -> (B,) indices. The same B for every update."""
    noise: Callable[[int], int] = lambda update: update
    """See `Examples`."""

    def on(self, device: str) -> "Batches":
        """The same, resident in that device's memory."""
        return replace(self, inputs=self.inputs.to(device), labels=self.labels.to(device))

    def __call__(self, update: int) -> tuple[Tensor, Tensor]:
        """Inputs (B, ...) and labels (B,) of one update."""
        chosen = self.chosen(update)
        return self.inputs[chosen], self.labels[chosen]


def side_by_side(batches: Sequence[Examples], update: int) -> tuple[Tensor, Tensor]:
    """Inputs (R, B, ...) and labels (R, B) of one update of R trainings; of the same data, they are picked at once."""
    resident = [each for each in batches if isinstance(each, Batches)]
    if len(resident) == len(batches) and len({(id(each.inputs), id(each.labels)) for each in resident}) == 1:
        chosen_RB = torch.stack([each.chosen(update) for each in resident])
        return resident[0].inputs[chosen_RB], resident[0].labels[chosen_RB]
    inputs, labels = zip(*(of(update) for of in batches), strict=True)
    return torch.stack(inputs), torch.stack(labels)


class Network(Protocol):
    """A network in training, to look at. Weights outside the mask are zero and stay zero."""

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, ...) -> logits (n, C) of the network as it is now, in evaluation mode, on the CPU."""

    def weights(self) -> State:
        """The part of the state that inference needs, weights and buffers: copies, on the CPU."""

    def capture(self) -> State:
        """The whole state: `weights()` and the optimizer's memory."""


class Trainer(Network, Protocol):
    """It trains on one thread."""

    def advance(self, span: range, batches: Batches) -> None:
        """Make the updates in `span`; the loss is the mean cross-entropy of a batch."""


class Group(Protocol):
    """Networks that make their updates together, each with batches of its own."""

    @property
    def members(self) -> Sequence[Network]:
        """In the order of what they were started with."""

    def advance(self, span: range, batches: Sequence[Batches]) -> None:
        """Make the updates in `span` for every member."""


@dataclass(frozen=True)
class Alone:
    """A group of one."""

    trainer: Trainer

    @property
    def members(self) -> Sequence[Network]:
        return (self.trainer,)

    def advance(self, span: range, batches: Sequence[Batches]) -> None:
        self.trainer.advance(span, batches[0])


class TrainerFile(Protocol):
    """What a file in this folder holds. One that also has `group` trains the replicates of a cohort together."""

    @property
    def DEVICES(self) -> Sequence[str]:
        """Where it computes: names that `training.device` may have."""

    @property
    def PRECISIONS(self) -> Sequence[str]:
        """Names that `training.precision` may have."""

    def refuses(self, network: nn.Module) -> str | None:
        """Why this trainer cannot train a network, or None."""

    def start(self, network: nn.Module, state: State, mask: Mask, training: Training) -> Trainer:
        """A trainer at `state`. May use `network` as its own."""


class GroupFile(TrainerFile, Protocol):
    """A trainer for many."""

    def group(self, network: nn.Module, states: Sequence[State], masks: Sequence[Mask], training: Training) -> Group:
        """Copies of `network` at `states`."""

    def most(self, network: nn.Module, training: Training, shape: Sequence[int]) -> int:
        """How many are likely to fit into the memory that is free; at least one. `shape` is that of an example."""


def trainer(name: str) -> TrainerFile:
    """The trainer's file by its name. Raises UsageError with the choices."""
    return cast(TrainerFile, load("trainers", name))


def begin(name: str, network: nn.Module, states: Sequence[State], masks: Sequence[Mask], training: Training) -> Group:
    """Networks at `states` in one group; several only by a trainer for many. May use `network` as its own."""
    file = trainer(name)
    if hasattr(file, "group"):
        return cast(GroupFile, file).group(network, states, masks, training)
    ((state, mask),) = zip(states, masks, strict=True)
    return Alone(file.start(network, state, mask, training))


def weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict inside a state."""
    return {name.removeprefix("weights/"): value for name, value in state.items() if name.startswith("weights/")}


def memory(state: Mapping[str, Tensor]) -> Iterator[tuple[str, str, Tensor]]:
    """The optimizer's memory inside a state: slot, parameter, value."""
    for key, value in state.items():
        if key.startswith("optimizer/"):
            _, slot, name = key.split("/", 2)
            yield slot, name, value
