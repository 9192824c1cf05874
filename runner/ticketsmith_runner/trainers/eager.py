"""The reference: any nn.Module through autograd, torch's own optimizer kernels, masked gradients.

Images lie channel by channel of each pixel (`channels_last`) where convolutions are faster on them: on a CPU, and in
bfloat16 on a GPU; but not where a network takes a `view` of them, which needs the other order.
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
        self.loss, self.network, self.training = loss, network.to(training.device), training
        self.pixelwise = False
        self._lay(torch.contiguous_format)
        self.optimizer = Optimizer(dict(network.named_parameters()), training, memory(state))
        self._ones = mask
        self.masked = self._masked()
        self.make = maker(training.device)
        images = training.device == "cpu" or training.precision == "bfloat16"
        self._settled = not images or not any(value.dim() == 4 for value in network.parameters())

    def advance(self, span: range, batches: Fed) -> None:
        self.network.train()
        for update in span:
            if self.RANDOM:
                seeds.start(batches.noise(update))
            batch = batches(update)
            if not self._settled:
                self._settle(batch)
            self.make(self._update, batch, learning_rate(self.training, update))
        finish(self.training.device)

    def _settle(self, batch: Batch) -> None:
        """Let images lie by pixels if the network can read them so; nothing else changes."""
        buffers = {name: value.clone() for name, value in self.network.named_buffers()}
        self._settled = self.pixelwise = True
        self._lay(torch.channels_last)
        try:
            with seeds.seeded(0), torch.no_grad():
                self.loss(self.network, tree_map(self._pixelwise, batch))
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:  # of a view; one for another reason comes again
            self.pixelwise = False
            self._lay(torch.contiguous_format)
        for name, value in self.network.named_buffers():
            value.copy_(buffers.get(name, value))
        # The optimizer's memory lies as its parameters do.
        parameters = dict(self.network.named_parameters())
        self.optimizer = Optimizer(parameters, self.training, list(self.optimizer.memory()))
        self.masked = self._masked()

    def _lay(self, order: torch.memory_format) -> None:
        for parameter in self.network.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=order)

    def _masked(self) -> list[tuple[nn.Parameter, Tensor]]:
        parameters, ones = dict(self.network.named_parameters()), self._ones
        return [(p, ones[name].to(p.device, p.dtype)) for name, p in parameters.items() if name in ones]

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
