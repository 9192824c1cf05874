"""The reference: any nn.Module through autograd, torch's own optimizer kernels, masked gradients.

Images lie channel by channel of each pixel (`channels_last`) where convolutions are faster on them: on a CPU, and in
bfloat16 on a GPU.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_

from ticketsmith.lottery.schedule import learning_rate
from ticketsmith.lottery.spec import Training

from ..network import restore, state
from ..optimizer import Optimizer
from . import Examples, Mask, State, memory, weights
from ._recorded import finish, maker

DEVICES, PRECISIONS = ("cpu", "cuda"), ("float32", "bfloat16")


class Eager:
    """The network itself, updated in place."""

    RANDOM: ClassVar[bool] = True
    """May a forward pass in training draw numbers? torch's dropout has no generator but the global one."""

    def __init__(self, network: nn.Module, state: State, mask: Mask, training: Training) -> None:
        restore(network, weights(state))
        self.pixelwise = training.device == "cpu" or training.precision == "bfloat16"
        for parameter in network.to(training.device).parameters():
            if self.pixelwise and parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.network, self.training = network, training
        parameters = dict(network.named_parameters())
        self.optimizer = Optimizer(parameters, training, memory(state))
        self.masked = [(p, mask[name].to(p.device, p.dtype)) for name, p in parameters.items() if name in mask]
        self.make = maker(training.device)

    def advance(self, span: range, batches: Examples) -> None:
        self.network.train()
        for update in span:
            if self.RANDOM:
                self.seed(batches.noise(update))
            self.make(self._update, *batches(update), learning_rate(self.training, update))
        finish(self.training.device)

    def _update(self, inputs: Tensor, labels: Tensor, rate: float | Tensor) -> None:
        self.differentiate(inputs, labels)
        # With a zero gradient, momentum and Adam's moments stay zero too: a pruned weight never moves again.
        for parameter, ones in self.masked:
            parameter.grad.mul_(ones)  # type: ignore[union-attr]
        if self.training.clip:
            clip_grad_norm_(self.network.parameters(), self.training.clip)
        self.optimizer.step(rate)

    def seed(self, number: int) -> None:
        torch.default_generator.manual_seed(number)  # torch.manual_seed does more, for a hundred times as long
        if self.training.device == "cuda":
            torch.cuda.manual_seed(number)

    def differentiate(self, inputs: Tensor, labels: Tensor) -> None:
        """Leave the gradient of the mean loss in the parameters."""
        self.network.zero_grad()
        cross_entropy(self._logits(inputs), labels).backward()  # type: ignore[no-untyped-call]

    def forward(self, inputs: Tensor) -> Tensor:
        self.network.eval()
        with torch.inference_mode():
            return self._logits(inputs.to(self.training.device)).cpu()

    def _logits(self, inputs: Tensor) -> Tensor:
        image = self.pixelwise and inputs.dim() == 4
        images = inputs.contiguous(memory_format=torch.channels_last) if image else inputs
        with torch.autocast(self.training.device, torch.bfloat16, enabled=self.training.precision == "bfloat16"):
            return self.network(images).float()  # type: ignore[no-any-return]

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
