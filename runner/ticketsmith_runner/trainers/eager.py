"""The reference: any nn.Module through autograd, torch's own optimizer kernels, masked gradients.

Images lie channel by channel of each pixel (`channels_last`), which convolutions are faster on.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ticketsmith.lottery.schedule import learning_rate
from ticketsmith.lottery.spec import Training

from ..optimizer import Optimizer
from . import Batches, Mask, State, memory, weights


class Eager:
    """The network itself, updated in place."""

    def __init__(self, network: nn.Module, state: State, mask: Mask, training: Training) -> None:
        network.load_state_dict(weights(state))
        network.to(memory_format=torch.channels_last)
        self.network, self.training = network, training
        self.optimizer = Optimizer(network, training, memory(state))
        self.masked = [(p, mask[name].to(p.dtype)) for name, p in network.named_parameters() if name in mask]

    def advance(self, span: range, batches: Batches) -> None:
        self.network.train()
        for update in span:
            self.differentiate(*batches(update))
            # With a zero gradient, momentum and Adam's moments stay zero too: a pruned weight never moves again.
            for parameter, ones in self.masked:
                parameter.grad.mul_(ones)  # type: ignore[union-attr]
            self.optimizer.step(learning_rate(self.training, update))

    def differentiate(self, inputs: Tensor, labels: Tensor) -> None:
        """Leave the gradient of the mean loss in the parameters."""
        self.network.zero_grad()
        cross_entropy(self._logits(inputs), labels).backward()  # type: ignore[no-untyped-call]

    def forward(self, inputs: Tensor) -> Tensor:
        self.network.eval()
        with torch.inference_mode():
            return self._logits(inputs)

    def _logits(self, inputs: Tensor) -> Tensor:
        images = inputs.contiguous(memory_format=torch.channels_last) if inputs.dim() == 4 else inputs
        with torch.autocast("cpu", torch.bfloat16, enabled=self.training.precision == "bfloat16"):
            return self.network(images).float()  # type: ignore[no-any-return]

    def weights(self) -> State:
        return {f"weights/{name}": value.detach().clone() for name, value in self.network.state_dict().items()}

    def capture(self) -> State:
        return self.weights() | {
            f"optimizer/{slot}/{name}": value.clone() for slot, name, value in self.optimizer.memory()
        }


start = Eager


def refuses(network: nn.Module) -> str | None:
    """Nothing is refused."""
    return None
