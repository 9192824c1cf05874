"""The reference: any nn.Module through autograd, torch's own optimizer kernels, masked gradients.

Images lie channel by channel of each pixel (`channels_last`) where convolutions are faster on them: on a CPU, and in
bfloat16 on a GPU.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.utils._pytree import tree_map

from ticketsmith.lottery.schedule import learning_rate
from ticketsmith.lottery.spec import Training

from .. import seeds
from ..examples import Batch
from ..network import restore, state
from ..objectives import classification
from ..optimizer import Optimizer
from . import Fed, Loss, Mask, State, memory, weights
from ._recorded import finish, maker

DEVICES, PRECISIONS = ("cpu", "cuda"), ("float32", "bfloat16")


class Eager:
    """The network itself, updated in place."""

    RANDOM: ClassVar[bool] = True
    """True if a forward pass in training may draw numbers: torch's dropout has no generator but the global one."""

    def __init__(
        self,
        network: nn.Module,
        state: State,
        mask: Mask,
        training: Training,
        loss: Loss = classification.loss,
    ) -> None:
        restore(network, weights(state))
        self.loss = loss
        self.pixelwise = training.device == "cpu" or training.precision == "bfloat16"
        for parameter in network.to(training.device).parameters():
            if self.pixelwise and parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.network, self.training = network, training
        parameters = dict(network.named_parameters())
        self.optimizer = Optimizer(parameters, training, memory(state))
        self.masked = [(p, mask[name].to(p.device, p.dtype)) for name, p in parameters.items() if name in mask]
        self.make = maker(training.device)

    def advance(self, span: range, batches: Fed) -> None:
        self.network.train()
        for update in span:
            if self.RANDOM:
                seeds.start(batches.noise(update))
            self.make(self._update, batches(update), learning_rate(self.training, update))
        finish(self.training.device)

    def _update(self, batch: Batch, rate: float | Tensor) -> None:
        self.differentiate(batch)
        # With a zero gradient, momentum and Adam's moments stay zero too: a pruned weight never moves again.
        for parameter, ones in self.masked:
            if parameter.grad is not None:
                parameter.grad.mul_(ones)
        if self.training.clip:
            clip_grad_norm_(self.network.parameters(), self.training.clip)
        self.optimizer.step(rate)

    def differentiate(self, batch: Batch) -> None:
        """Leave the gradient of the mean loss in the parameters."""
        self.network.zero_grad()
        shaped = tree_map(self._pixelwise, batch)
        with torch.autocast(self.training.device, torch.bfloat16, enabled=self.training.precision == "bfloat16"):
            loss = self.loss(self.network, shaped)
        loss.float().mean().backward()  # type: ignore[no-untyped-call]

    @property
    def model(self) -> nn.Module:
        return self.network.eval()

    def _pixelwise(self, leaf: Any) -> Any:
        image = self.pixelwise and isinstance(leaf, Tensor) and leaf.dim() == 4
        return leaf.contiguous(memory_format=torch.channels_last) if image else leaf

    def weights(self) -> State:
        return {f"weights/{name}": value for name, value in state(self.network).items()}

    def capture(self) -> State:
        return self.weights() | {
            f"optimizer/{slot}/{name}": value.to("cpu", copy=True) for slot, name, value in self.optimizer.memory()
        }


start = Eager


def refuses(network: nn.Module) -> str | None:
    """Nothing is refused."""
    return None
