"""A chain of Linear and ReLU as one sparse matrix: only the weights inside the mask exist, and only they cost time.

Exact float32, sums in another order than `eager`. What dense code hides is explicit here: a pruned weight has no value,
no gradient and no optimizer memory that could bring it back.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import pad

from ticketsmith.lottery.schedule import learning_rate
from ticketsmith.lottery.spec import Training

from . import Batches, Mask, State, _compiled, memory, weights
from ._chain import linears, refuses

_compiled.unpack()

from . import _csr  # noqa: E402  looks for what is compiled as it is imported
from ._lanes import TURNED  # noqa: E402

__all__ = ["refuses", "start"]

DEVICES, PRECISIONS = ("cpu",), ("float32",)

NEAR = 128  # inputs: their lanes take 32 KB, as much as the first cache of most processors
LEAST = 4  # weights in a segment, on average


def slots(training: Training) -> tuple[str, ...]:
    """torch's names of what an optimizer remembers of each weight."""
    if training.optimizer == "adam":
        return ("exp_avg", "exp_avg_sq")
    return ("momentum_buffer",) if training.momentum else ()


@dataclass(frozen=True)
class Layout:
    """Where the weights of a chain lie in one sparse matrix; see `_csr` for the letters."""

    alive: dict[str, NDArray[np.bool_]]
    """Layer -> (fan-out, fan-in): the weights that exist."""
    live: int
    """F: how many inputs any weight reads."""
    windows: NDArray[np.int64]
    """The first of every TURNED inputs in a row that are read together."""
    places: NDArray[np.int64]
    """(inputs,): the unit of each input; F + R, which nothing reads, if no weight reads it."""
    layers: NDArray[np.int64]
    """(layers, 2): segments and rows up to the end of each layer."""
    segments: NDArray[np.int64]
    """(S + 1,): the weights of segment s are segments[s] to segments[s + 1]."""
    targets: NDArray[np.int64]
    """(S,): the row of each segment."""
    columns: NDArray[np.int32]
    """(P,): the unit that each weight reads."""
    spots: list[NDArray[np.int64]]
    """Of each layer's weights: their places in the dense tensor, row by row."""

    @classmethod
    def of(cls, alive: dict[str, NDArray[np.bool_]]) -> "Layout":
        masks = list(alive.values())
        inputs = np.flatnonzero(masks[0].any(0))
        heights = [len(mask) for mask in masks]
        above = np.concatenate([[0], np.cumsum(heights)])  # rows before each layer
        places = [np.nonzero(mask) for mask in masks]
        layer = np.repeat(np.arange(len(masks)), [len(rows) for rows, _ in places])
        row = np.concatenate([rows for rows, _ in places]) + above[layer]
        read = [np.searchsorted(inputs, places[0][1]), *(columns for _, columns in places[1:])]
        column = np.concatenate(read) + np.concatenate([[0], len(inputs) + above[:-2]])[layer]
        block = np.where(layer == 0, column // _width(len(inputs), len(places[0][0]) / heights[0]), 0)
        order = np.lexsort((column, row, block, layer))
        row, block, fences = row[order], block[order], np.searchsorted(layer, np.arange(1, len(masks)))
        starts = np.flatnonzero(np.diff(row, prepend=-1) | np.diff(block, prepend=-1))
        ends = np.searchsorted(layer[starts], np.arange(len(masks)), side="right")
        return cls(
            alive=alive,
            live=len(inputs),
            windows=_windows(inputs, max(masks[0].shape[1], TURNED)),
            places=_places(inputs, max(masks[0].shape[1], TURNED), spare=len(inputs) + sum(heights)),
            layers=np.stack([ends, above[1:]], axis=1),
            segments=np.append(starts, len(row)),
            targets=row[starts],
            columns=column[order].astype(np.int32),
            spots=np.split(np.concatenate([np.flatnonzero(mask) for mask in masks])[order], fences),
        )

    @property
    def compiled(self) -> tuple[int | NDArray[np.int64] | NDArray[np.int32], ...]:
        """What the compiled step knows of it."""
        return self.live, self.windows, self.places, self.layers, self.segments, self.targets, self.columns

    def pack(self, tensors: dict[str, Tensor]) -> NDArray[np.float32]:
        """Parameters by name to (P + R,): weights first, then biases."""
        found = [tensors[f"{name}.weight"].numpy().ravel()[at] for name, at in zip(self.alive, self.spots, strict=True)]
        return np.concatenate([*found, *(tensors[f"{name}.bias"].numpy() for name in self.alive)]).astype(np.float32)

    def unpack(self, packed: NDArray[np.float32]) -> dict[str, Tensor]:
        """The inverse: dense tensors, zero where no weight exists."""
        tensors, at, shift = {}, 0, len(self.columns)
        for (name, mask), spots in zip(self.alive.items(), self.spots, strict=True):
            dense = np.zeros(mask.shape, np.float32)
            dense.ravel()[spots] = packed[at : (at := at + len(spots))]
            tensors[f"{name}.weight"] = torch.from_numpy(dense)
            tensors[f"{name}.bias"] = torch.from_numpy(packed[shift : (shift := shift + len(mask))].copy())
        return tensors


def _windows(live: NDArray[np.int64], inputs: int) -> NDArray[np.int64]:
    """Where to begin so that every live input is read; the last window ends with the inputs."""
    begins: list[int] = []
    for each in live.tolist():
        if not begins or each >= begins[-1] + TURNED:
            begins.append(min(each, inputs - TURNED))
    return np.array(begins, np.int64)


def _places(live: NDArray[np.int64], inputs: int, spare: int) -> NDArray[np.int64]:
    places = np.full(inputs, spare)
    places[live] = np.arange(len(live))
    return places


def _flat(inputs: Tensor) -> NDArray[np.float32]:
    """(n, ...) to (n, inputs), no fewer than a window has."""
    flat = inputs.flatten(1)
    return (flat if flat.shape[1] >= TURNED else pad(flat, (0, TURNED - flat.shape[1]))).numpy()


def _width(inputs: int, per_row: float) -> int:
    """Inputs that a segment spans: few, to keep them near, unless next to no weights would be left in it."""
    blocks = max(1, min(-(-inputs // NEAR), int(per_row / LEAST)))
    return max(1, -(-inputs // blocks))


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
            _flat(batches.inputs), batches.labels.numpy(), orders,
            rates.astype(np.float32), roots.astype(np.float32), np.float32(self.training.momentum), adam,
            *self._network(), self.slots,
        )  # fmt: skip
        self.updates += len(span)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.from_numpy(_csr.predict(_flat(inputs), *self._network()))

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

    def _network(self) -> tuple[object, ...]:
        at = len(self.layout.columns)
        return self.layout.compiled, self.parameters[:at], self.parameters[at:]


start = CsrMlp
