"""One file per way to make updates. What a training is does not depend on it; how long it takes does.

A *state* holds the tensors a training starts from: `weights/<name>` for everything in the state dict, and
`optimizer/<slot>/<name>` for the optimizer's memory, where there is one. Shapes are those of the dense network, zero
where the mask has no weight, whatever a trainer keeps inside.

N: examples in all.  B: examples of a batch.  R: replicates.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from ticketsmith.lottery.spec import Training

from ..examples import Batch
from ..names import load
from ..objectives import classification

State = dict[str, Tensor]
Mask = Mapping[str, Tensor]
Loss = Callable[[nn.Module, Batch], Tensor]
"""(B,), or a scalar: what is descended is its mean."""


class Fed(Protocol):
    """Protocol of what the updates of a training see."""

    def __call__(self, update: int) -> Batch:
        """The batch of one update, every tensor with B examples."""

    def noise(self, update: int) -> int:
        """The seed of what an update draws besides its batch, such as which units dropout leaves out."""


@dataclass(frozen=True)
class Batches:
    """Examples resident in memory, and which of them each update sees."""

    examples: Batch
    """Tensors (N, ...)."""
    chosen: Callable[[int], Tensor]
    """Update -> (B,) indices. The same B for every update."""
    noise: Callable[[int], int] = lambda update: update
    """See `Fed`."""

    def on(self, device: str) -> "Batches":
        """The same, resident in that device's memory."""
        return replace(self, examples=tree_map(lambda tensor: tensor.to(device), self.examples))

    def __call__(self, update: int) -> Batch:
        """See `Fed`."""
        chosen = self.chosen(update)
        return tree_map(lambda tensor: tensor[chosen], self.examples)


class Streamed:
    """Examples that a loader reads, in the order of the updates."""

    def __init__(self, load: Callable[[int], Iterator[Batch]], noise: Callable[[int], int], device: str) -> None:
        """`load(update)` gives the batches from that update on."""
        self.noise, self._load, self._device = noise, load, device
        self._next, self._batches = -1, iter(())

    def __call__(self, update: int) -> Batch:
        """See `Fed`. Raises whatever the user's data set raises."""
        if update != self._next:
            self._batches = self._load(update)
        self._next = update + 1
        batch: Batch = next(self._batches)
        if self._device == "cpu":
            return batch
        return tree_map(lambda leaf: leaf.to(self._device) if hasattr(leaf, "to") else leaf, batch)


def side_by_side(batches: Sequence[Fed], update: int) -> Batch:
    """The batch (R, B, ...) of one update of R trainings; of the same examples, they are picked at once."""
    resident = [fed for fed in batches if isinstance(fed, Batches)]
    if len(resident) == len(batches) and len({id(fed.examples) for fed in resident}) == 1:
        chosen_RB = torch.stack([fed.chosen(update) for fed in resident])
        return tree_map(lambda tensor: tensor[chosen_RB], resident[0].examples)
    return tree_map(lambda *tensors: torch.stack(tensors), *(fed(update) for fed in batches))


class Network(Protocol):
    """A network in training, to look at. Weights outside the mask are zero and stay zero."""

    @property
    def model(self) -> nn.Module:
        """The network as it is now, in evaluation mode, to be asked until the next update."""

    def weights(self) -> State:
        """The part of the state that inference needs, weights and buffers: copies, on the CPU."""

    def capture(self) -> State:
        """The whole state: `weights()` and the optimizer's memory."""


class Trainer(Network, Protocol):
    """It trains on one thread."""

    def advance(self, span: range, batches: Fed) -> None:
        """Make the updates in `span`: each descends the mean loss of its batch."""


class Group(Protocol):
    """Networks that make their updates together, each with batches of its own."""

    @property
    def members(self) -> Sequence[Network]:
        """In the order of what they were started with."""

    def advance(self, span: range, batches: Sequence[Fed]) -> None:
        """Make the updates in `span` for every member."""


@dataclass(frozen=True)
class Alone:
    """A group of one."""

    trainer: Trainer

    @property
    def members(self) -> Sequence[Network]:
        return (self.trainer,)

    def advance(self, span: range, batches: Sequence[Fed]) -> None:
        self.trainer.advance(span, batches[0])


class TrainerFile(Protocol):
    """Protocol of a file in this folder. One that also has `group` trains the replicates of a cohort together."""

    @property
    def DEVICES(self) -> Sequence[str]:
        """Devices it computes on: names that `training.device` may have."""

    @property
    def PRECISIONS(self) -> Sequence[str]:
        """Names that `training.precision` may have."""

    def refuses(self, network: nn.Module) -> str | None:
        """The reason why this trainer cannot train a network, or None."""

    def start(
        self, network: nn.Module, state: State, mask: Mask, training: Training, loss: Loss = classification.loss
    ) -> Trainer:
        """A trainer at `state`. May use `network` as its own."""


class GroupFile(TrainerFile, Protocol):
    """A trainer for many."""

    def group(
        self,
        network: nn.Module,
        states: Sequence[State],
        masks: Sequence[Mask],
        training: Training,
        loss: Loss = classification.loss,
    ) -> Group:
        """Copies of `network` at `states`."""

    def most(self, network: nn.Module, training: Training, loss: Loss, batch: Batch) -> int:
        """Number of replicates that are likely to fit into the memory that is free; at least one."""


def trainer(name: str) -> TrainerFile:
    """The trainer's file by its name. Raises UsageError with the choices."""
    return cast(TrainerFile, load("trainers", name))


def begin(
    name: str,
    network: nn.Module,
    states: Sequence[State],
    masks: Sequence[Mask],
    training: Training,
    loss: Loss = classification.loss,
) -> Group:
    """Networks at `states` in one group; several only by a trainer for many. May use `network` as its own."""
    file = trainer(name)
    if hasattr(file, "group"):
        return cast(GroupFile, file).group(network, states, masks, training, loss)
    ((state, mask),) = zip(states, masks, strict=True)
    return Alone(file.start(network, state, mask, training, loss))


def weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict inside a state."""
    return {name.removeprefix("weights/"): value for name, value in state.items() if name.startswith("weights/")}


def memory(state: Mapping[str, Tensor]) -> Iterator[tuple[str, str, Tensor]]:
    """The optimizer's memory inside a state: slot, parameter, value."""
    for key, value in state.items():
        if key.startswith("optimizer/"):
            _, slot, name = key.split("/", 2)
            yield slot, name, value
