"""The replicates of a cohort as one network with a leading dimension, by torch.func: one launch where there were many.

It is for GPUs, which small networks leave idle between launches; there an update is recorded once and replayed. On a
CPU it works and gains nothing: see README.md.

R: replicates.  B: examples of a batch.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.utils import clip_grad_norm_
from torch.utils._pytree import tree_flatten

from ticketsmith.lottery.schedule import learning_rate
from ticketsmith.lottery.spec import Training

from ..examples import Batch
from ..network import restore
from ..objectives import classification
from ..optimizer import Optimizer
from . import Fed, Loss, Mask, State, memory, side_by_side, weights
from ._recorded import finish, maker

DEVICES, PRECISIONS = ("cpu", "cuda"), ("float32", "bfloat16")
SHARE = 0.8  # of the memory that is free: the rest is for what an estimate does not know, kernels and allocators
FLOAT = 4  # bytes
COPIES = 6  # of each parameter: value, gradient, mask, two slots of the optimizer, and one that is in the making


def refuses(network: nn.Module) -> str | None:
    """Dropout would draw for all replicates at once: one would depend on how many others there are.

    A loss that draws is refused by the planner, which tries it.
    """
    for module in network.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.p:
            return f"{type(module).__name__} draws its numbers for all replicates at once"
    return None


class Stack:
    """`network` is what is computed; each parameter and buffer is (R, *shape)."""

    def __init__(
        self,
        network: nn.Module,
        states: Sequence[State],
        masks: Sequence[Mask],
        training: Training,
        loss: Loss = classification.loss,
    ) -> None:
        self.network, self.training = network.to(training.device), training
        self.size = len(states)
        values = _stacked([weights(state) for state in states], training.device)
        learned = [name for name, value in network.named_parameters() if value.requires_grad]
        self.parameters = {name: values[name] for name in learned}
        self.buffers = {name: value for name, value in values.items() if name not in self.parameters}
        self.ones = {name: mask.to(values[name].dtype) for name, mask in _stacked(masks, training.device).items()}
        # Each replicate's parameters by themselves: of one long tensor the CPU rounds the last few numbers otherwise.
        self.optimizer = Optimizer(self._apart(self.parameters), training, self._memory(states))
        self.slopes: Callable[..., dict[str, Tensor]] = vmap(
            grad(partial(_loss, _Objective(self.network, loss), training)), randomness="error"
        )
        self.make = maker(training.device)

    @property
    def members(self) -> list["Member"]:
        """In the order of the states. Not kept: they refer to the stack, which would not go when it is done."""
        return [Member(self, r) for r in range(self.size)]

    def advance(self, span: range, batches: Sequence[Fed]) -> None:
        """Make the updates in `span` for every replicate."""
        self.network.train()
        for update in span:
            self.make(self._update, side_by_side(batches, update), learning_rate(self.training, update))
        finish(self.training.device)

    def _update(self, batch_RB: Batch, rate: float | Tensor) -> None:
        gradients = self.slopes(self.parameters, self.buffers, batch_RB)
        for name, ones in self.ones.items():
            gradients[name].mul_(ones)
        for key, gradient in self._apart(gradients).items():
            self.optimizer.parameters[key].grad = gradient
        if self.training.clip:
            for r in range(self.size):
                own = [self.optimizer.parameters[_key(r, name)] for name in self.parameters]
                clip_grad_norm_(own, self.training.clip)
        self.optimizer.step(rate)

    def _apart(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {_key(r, name): value[r] for name, value in values.items() for r in range(self.size)}

    def _memory(self, states: Sequence[State]) -> list[tuple[str, str, Tensor]]:
        return [(slot, _key(r, name), value) for r, state in enumerate(states) for slot, name, value in memory(state)]


@dataclass(frozen=True)
class Member:
    """One replicate of a stack."""

    stack: Stack
    r: int

    def advance(self, span: range, batches: Fed) -> None:
        """Only of a stack of one: the others would have no batches."""
        self.stack.advance(span, [batches])

    @property
    def model(self) -> nn.Module:
        """The network of the stack, which computes with its own tensors nowhere else, with this member's in them."""
        restore(self.stack.network, self._own(self.stack.parameters) | self._own(self.stack.buffers))
        return self.stack.network.eval()

    def weights(self) -> State:
        own = self._own(self.stack.parameters) | self._own(self.stack.buffers)
        return {f"weights/{name}": value.to("cpu", copy=True) for name, value in own.items()}

    def capture(self) -> State:
        mark = _key(self.r, "")
        return self.weights() | {
            f"optimizer/{slot}/{key.removeprefix(mark)}": value.to("cpu", copy=True)
            for slot, key, value in self.stack.optimizer.memory()
            if key.startswith(mark)
        }

    def _own(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: value[self.r] for name, value in values.items()}


Values = Mapping[str, Tensor]


class _Objective(nn.Module):
    """A loss with its network inside, as torch.func takes it."""

    def __init__(self, model: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, batch: Batch) -> Tensor:
        return self.loss(self.model, batch)


def _loss(objective: _Objective, training: Training, parameters: Values, buffers: Values, batch: Batch) -> Tensor:
    """The mean loss of one replicate."""
    values = {f"model.{name}": value for name, value in (*parameters.items(), *buffers.items())}
    with torch.autocast(training.device, torch.bfloat16, enabled=training.precision == "bfloat16"):
        loss: Tensor = functional_call(objective, values, (batch,))
    return loss.float().mean()


group = Stack


def start(network: nn.Module, state: State, mask: Mask, training: Training, loss: Loss = classification.loss) -> Member:
    """The member of a stack of one."""
    return Stack(network, [state], [mask], training, loss).members[0]


def most(network: nn.Module, training: Training, loss: Loss, batch: Batch) -> int:
    """Number of replicates that are likely to fit into the memory that is free, at least one.

    `batch` has two examples, as normalization refuses to train on one.
    """
    learned = sum(value.numel() for value in network.parameters())
    numbers = COPIES * learned + 2 * training.batch_size * _activations(network, loss, batch)
    return max(1, int(SHARE * _free(training.device) / (FLOAT * numbers)))


def _activations(network: nn.Module, loss: Loss, batch: Batch) -> int:
    """Numbers that the modules put out for one example of a batch of two."""
    outputs = 0

    def count(module: nn.Module, inputs: object, output: object) -> None:
        nonlocal outputs
        outputs += sum(leaf.numel() for leaf in tree_flatten(output)[0] if isinstance(leaf, Tensor))

    hooks = [module.register_forward_hook(count) for module in network.modules()]
    try:
        with torch.no_grad():
            loss(network.eval(), batch)
    finally:
        for hook in hooks:
            hook.remove()
    return -(-outputs // 2)


def _free(device: str) -> int:
    """Bytes."""
    if device == "cuda":
        return torch.cuda.mem_get_info()[0]
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _stacked(members: Sequence[Mapping[str, Tensor]], device: str) -> dict[str, Tensor]:
    return {name: torch.stack([member[name] for member in members]).to(device) for name in members[0]}


def _key(r: int, name: str) -> str:
    return f"{r}/{name}"
