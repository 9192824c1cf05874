"""One file per way to make updates. What a training is does not depend on it; how long it takes does.

A *state* holds the tensors a training starts from: `weights/<name>` for everything in the state dict, and
`optimizer/<slot>/<name>` for the optimizer's memory, where there is one. Shapes are those of the dense network, zero
where the mask has no weight, whatever a trainer keeps inside.

B: examples of a batch.  C: classes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from torch import Tensor, nn

from ticketsmith.lottery.spec import Training
from ticketsmith.names import load

State = dict[str, Tensor]
Mask = Mapping[str, Tensor]
Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Batches:
    """Examples resident in memory, and which of them each update sees."""

    inputs: Tensor
    """(N, ...), float32."""
    labels: Tensor
    """(N,), int64."""
    chosen: Callable[[int], Tensor]
    """Update -> (B,) indices. The same B for every update."""

    def __call__(self, update: int) -> tuple[Tensor, Tensor]:
        """Inputs (B, ...) and labels (B,) of one update."""
        chosen = self.chosen(update)
        return self.inputs[chosen], self.labels[chosen]


class Trainer(Protocol):
    """A network in training, on one thread. Weights outside the mask are zero and stay zero."""

    def advance(self, span: range, batches: Batches) -> None:
        """Make the updates in `span`; the loss is the mean cross-entropy of a batch."""

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, ...) -> logits (n, C) of the network as it is now, in evaluation mode."""

    def weights(self) -> State:
        """The part of the state that inference needs, weights and buffers: copies."""

    def capture(self) -> State:
        """The whole state: `weights()` and the optimizer's memory."""


class TrainerFile(Protocol):
    """What a file in this folder holds."""

    def refuses(self, network: nn.Module) -> str | None:
        """Why this trainer cannot train a network, or None."""

    def start(self, network: nn.Module, state: State, mask: Mask, training: Training) -> Trainer:
        """A trainer at `state`. May use `network` as its own."""


def trainer(name: str) -> TrainerFile:
    """The trainer's file by its name. Raises UsageError with the choices."""
    return cast(TrainerFile, load(__name__, name))


def weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict inside a state."""
    return {name.removeprefix("weights/"): value for name, value in state.items() if name.startswith("weights/")}


def memory(state: Mapping[str, Tensor]) -> Iterator[tuple[str, str, Tensor]]:
    """The optimizer's memory inside a state: slot, parameter, value."""
    for key, value in state.items():
        if key.startswith("optimizer/"):
            _, slot, name = key.split("/", 2)
            yield slot, name, value
