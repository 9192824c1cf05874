"""A chain of Linear and ReLU as one sparse matrix: only the weights inside the mask exist, and only they cost time.

Exact float32, sums in another order than `eager`. What dense code hides is explicit here: a pruned weight has no value,
no gradient and no optimizer memory that could bring it back.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import pad

from ticketsmith.lottery.schedule import learning_rate
from ticketsmith.lottery.spec import Training

from ..objectives import classification
from . import Batches, Fed, Loss, Mask, State, _compiled, memory, weights
from ._chain import linears, refuses

_compiled.unpack()

from . import _csr  # noqa: E402  looks for what is compiled as it is imported
from ._lanes import TURNED  # noqa: E402
from ._layout import Layout  # noqa: E402

__all__ = ["refuses", "start"]

DEVICES, PRECISIONS = ("cpu",), ("float32",)
LOSSES = (classification.loss,)


def slots(training: Training) -> tuple[str, ...]:
    """torch's names of what an optimizer remembers of each weight."""
    if _adam(training):
        return ("exp_avg", "exp_avg_sq")
    return ("momentum_buffer",) if training.momentum else ()


def _adam(training: Training) -> bool:
    return training.optimizer in ("adam", "adamw")


def _rule(training: Training) -> tuple[bool, np.float32, bool, np.float32, bool, float]:
    """The update rule as the compiled step takes it: see `_csr.train`."""
    coupled = 0.0 if training.optimizer == "adamw" else training.weight_decay
    most = math.inf if training.clip is None else training.clip
    momentum, pull = np.float32(training.momentum), np.float32(coupled)
    return _adam(training), momentum, training.nesterov, pull, training.weight_decay > 0, most


class CsrMlp:
    """Values and memory of the weights that exist, and what the compiled step needs to find them."""

    def __init__(
        self, network: nn.Module, state: State, mask: Mask, training: Training, loss: Loss = classification.loss
    ) -> None:
        layers = linears(network) or {}
        full = {name: torch.ones_like(layer.weight, dtype=torch.bool) for name, layer in layers.items()}
        kept = {name: mask.get(f"{name}.weight", ones).numpy() for name, ones in full.items()}
        self.layout = _layout(tuple((name, array.shape, array.tobytes()) for name, array in kept.items()))
        self.parameters = self.layout.pack(weights(state))
        self.training, self.updates = training, 0
        self.slots = np.zeros((2, len(self.parameters)), np.float32)
        self._remember(list(memory(state)))

    def advance(self, span: range, batches: Fed) -> None:
        assert isinstance(batches, Batches), "the planner leaves examples that are not in memory to others"
        inputs, labels = batches.examples
        orders = torch.stack([batches.chosen(update) for update in span]).numpy()
        rates = np.array([learning_rate(self.training, update) for update in span])
        done = np.arange(self.updates + 1, self.updates + 1 + len(span))
        steps = rates / (1 - 0.9**done) if _adam(self.training) else rates
        decoupled = self.training.weight_decay if self.training.optimizer == "adamw" else 0.0
        of_each = (steps, np.sqrt(1 - 0.999**done), rates * decoupled)
        _csr.train(
            _flat(inputs), labels.numpy(), orders,
            *(values.astype(np.float32) for values in of_each), _rule(self.training), *self._network(), self.slots,
        )  # fmt: skip
        self.updates += len(span)

    @property
    def model(self) -> nn.Module:
        return _Chain(self._network())

    def weights(self) -> State:
        return {f"weights/{name}": value for name, value in self.layout.unpack(self.parameters).items()}

    def capture(self) -> State:
        state = self.weights()
        for slot, packed in zip(slots(self.training) if self.updates else (), self.slots, strict=False):
            state |= {f"optimizer/{slot}/{name}": value for name, value in self.layout.unpack(packed).items()}
        if self.updates and _adam(self.training):
            names = list(self.layout.unpack(self.parameters))
            state |= {f"optimizer/step/{name}": torch.tensor(float(self.updates)) for name in names}
        return state

    def _remember(self, kept: list[tuple[str, str, Tensor]]) -> None:
        """Take up the optimizer's memory of a rewound state, if it has any."""
        for slot, packed in zip(slots(self.training), self.slots, strict=False):
            if values := {name: value for kind, name, value in kept if kind == slot}:
                packed[:] = self.layout.pack(values)
                self.updates = 1  # SGD's momentum has no count: it only matters that it is not the first
        self.updates = next((int(value) for kind, _, value in kept if kind == "step"), self.updates)

    def _network(self) -> tuple[object, ...]:
        at = len(self.layout.columns)
        return self.layout.compiled, self.parameters[:at], self.parameters[at:]


@lru_cache(maxsize=2)
def _layout(kept: tuple[tuple[str, tuple[int, ...], bytes], ...]) -> Layout:
    """The layout of masks by layer: a training and the networks that it leaves have one."""
    return Layout.of({name: np.frombuffer(buffer, np.bool_).reshape(shape) for name, shape, buffer in kept})


class _Chain(nn.Module):
    """The compiled network, as its objective asks for it."""

    def __init__(self, network: tuple[object, ...]) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.from_numpy(_csr.predict(_flat(inputs), *self.network))


def _flat(inputs: Tensor) -> NDArray[np.float32]:
    """(n, ...) to (n, inputs), no fewer than a window has."""
    flat = inputs.flatten(1)
    return (flat if flat.shape[1] >= TURNED else pad(flat, (0, TURNED - flat.shape[1]))).numpy()


start = CsrMlp
