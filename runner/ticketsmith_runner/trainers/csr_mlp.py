"""A chain of Linear and ReLU as one sparse matrix: only the weights inside the mask exist, and only they cost time.

Exact float32, sums in another order than `eager`. What dense code hides is explicit here: a pruned weight has no value,
no gradient and no optimizer memory that could bring it back.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ticketsmith.lottery.schedule import learning_rate
from ticketsmith.lottery.spec import Training

from . import Batches, Mask, State, _compiled, memory, weights
from ._chain import linears, refuses

_compiled.unpack()

from . import _csr  # noqa: E402  looks for what is compiled as it is imported

__all__ = ["refuses", "start"]


def slots(training: Training) -> tuple[str, ...]:
    """torch's names of what an optimizer remembers of each weight."""
    if training.optimizer == "adam":
        return ("exp_avg", "exp_avg_sq")
    return ("momentum_buffer",) if training.momentum else ()


@dataclass(frozen=True)
class Layout:
    """Where the weights of a chain lie in one sparse matrix; see `_csr` for the letters."""

    alive: dict[str, NDArray[np.bool_]]
    """Layer -> (fan-out, fan-in): the weights that exist, in the order of `values`."""
    inputs: NDArray[np.int64]
    """(F,): the inputs that any weight reads."""
    rows: NDArray[np.int64]
    """(R + 1,): the weights of row r are rows[r] to rows[r + 1]."""
    columns: NDArray[np.int64]
    """(P,): the unit that each weight reads."""

    @classmethod
    def of(cls, alive: dict[str, NDArray[np.bool_]]) -> "Layout":
        first = next(iter(alive.values()))
        inputs = np.flatnonzero(first.any(0))
        columns, counts, begin = [np.searchsorted(inputs, np.nonzero(first)[1])], [first.sum(1)], len(inputs)
        for below, layer in zip(list(alive.values()), list(alive.values())[1:], strict=False):
            columns.append(begin + np.nonzero(layer)[1])
            counts.append(layer.sum(1))
            begin += len(below)
        rows = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
        return cls(alive, inputs, rows, np.concatenate(columns))

    @property
    def shape(self) -> tuple[int, int, int]:
        """F, H, first."""
        heights = [len(layer) for layer in self.alive.values()]
        return len(self.inputs), sum(heights[:-1]), heights[0]

    def pack(self, tensors: dict[str, Tensor]) -> NDArray[np.float32]:
        """Parameters by name to (P + R,): weights first, then biases. What is missing is zero."""
        found = [tensors[f"{name}.weight"].numpy()[mask] for name, mask in self.alive.items()]
        return np.concatenate([*found, *(tensors[f"{name}.bias"].numpy() for name in self.alive)]).astype(np.float32)

    def unpack(self, packed: NDArray[np.float32]) -> dict[str, Tensor]:
        """The inverse: dense tensors, zero where no weight exists."""
        tensors, at, shift = {}, 0, int(self.rows[-1])
        for name, mask in self.alive.items():
            dense = np.zeros(mask.shape, np.float32)
            dense[mask] = packed[at : (at := at + int(mask.sum()))]
            tensors[f"{name}.weight"] = torch.from_numpy(dense)
            tensors[f"{name}.bias"] = torch.from_numpy(packed[shift : (shift := shift + len(mask))].copy())
        return tensors


class CsrMlp:
    """Values and memory of the weights that exist, and what the compiled step needs to find them."""

    def __init__(self, network: nn.Module, state: State, mask: Mask, training: Training) -> None:
        layers = linears(network) or {}
        full = {name: torch.ones_like(layer.weight, dtype=torch.bool) for name, layer in layers.items()}
        self.layout = Layout.of({name: mask.get(f"{name}.weight", ones).numpy() for name, ones in full.items()})
        self.parameters = self.layout.pack(weights(state))
        self.training, self.updates = training, 0
        self.slots = np.zeros((2, len(self.parameters)), np.float32)
        self._remember(list(memory(state)))

    def advance(self, span: range, batches: Batches) -> None:
        orders = torch.stack([batches.chosen(update) for update in span]).numpy()
        rates = np.array([learning_rate(self.training, update) for update in span])
        done = np.arange(self.updates + 1, self.updates + 1 + len(span))
        adam = self.training.optimizer == "adam"
        rates, roots = (rates / (1 - 0.9**done) if adam else rates), np.sqrt(1 - 0.999**done)
        _csr.train(
            batches.inputs.flatten(1).numpy(), batches.labels.numpy(), orders,
            rates.astype(np.float32), roots.astype(np.float32), np.float32(self.training.momentum), adam,
            *self._matrix(), self.slots,
        )  # fmt: skip
        self.updates += len(span)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.from_numpy(_csr.predict(inputs.flatten(1).numpy(), *self._matrix()))

    def weights(self) -> State:
        return {f"weights/{name}": value for name, value in self.layout.unpack(self.parameters).items()}

    def capture(self) -> State:
        state = self.weights()
        for slot, packed in zip(slots(self.training) if self.updates else (), self.slots, strict=False):
            state |= {f"optimizer/{slot}/{name}": value for name, value in self.layout.unpack(packed).items()}
        if self.updates and self.training.optimizer == "adam":
            names = list(self.layout.unpack(self.parameters))
            state |= {f"optimizer/step/{name}": torch.tensor(float(self.updates)) for name in names}
        return state

    def _remember(self, kept: list[tuple[str, str, Tensor]]) -> None:
        """Take up the optimizer's memory of a rewound state, if it has any."""
        for slot, packed in zip(slots(self.training), self.slots, strict=False):
            if found := {name: value for kind, name, value in kept if kind == slot}:
                packed[:] = self.layout.pack(found)
                self.updates = 1  # SGD's momentum has no count: it only matters that it is not the first
        self.updates = next((int(value) for kind, _, value in kept if kind == "step"), self.updates)

    def _matrix(self) -> tuple[object, ...]:
        weights, at = self.layout, int(self.layout.rows[-1])
        return (
            weights.shape, weights.inputs, weights.rows, weights.columns, self.parameters[:at], self.parameters[at:]
        )  # fmt: skip


start = CsrMlp
