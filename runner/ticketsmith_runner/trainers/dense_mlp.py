"""A chain of Linear and ReLU in dense matrices: `eager`, with the derivative written out instead of recorded."""

import torch
from torch import nn

from ticketsmith.lottery.spec import Training

from ..examples import Batch
from ..objectives import classification
from . import Loss, Mask, State
from ._chain import linears, refuses
from .eager import Eager

__all__ = ["refuses", "start"]

DEVICES, PRECISIONS = ("cpu",), ("float32",)
LOSSES = (classification.loss,)


class DenseMlp(Eager):
    """As `Eager`, with gradients written straight into buffers that are kept."""

    RANDOM = False

    def __init__(
        self, network: nn.Module, state: State, mask: Mask, training: Training, loss: Loss = classification.loss
    ) -> None:
        super().__init__(network, state, mask, training, loss)
        self.layers = list((linears(network) or {}).values())
        self.certain = torch.eye(self.layers[-1].out_features)  # the probabilities that a label stands for
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)

    @torch.no_grad()
    def differentiate(self, batch: Batch) -> None:
        """Backpropagation of softmax and cross-entropy through the chain."""
        inputs, labels = batch
        *hidden, output = self.layers
        seen = [inputs.flatten(1)]  # what each layer reads, (B, fan-in)
        for layer in hidden:
            seen.append(torch.addmm(layer.bias, seen[-1], layer.weight.T).relu_())
        slope = torch.addmm(output.bias, seen[-1], output.weight.T).softmax(1)  # of the loss, (B, fan-out)
        slope.sub_(self.certain[labels]).div_(len(labels))
        for layer, read in zip(reversed(self.layers), reversed(seen), strict=True):
            torch.mm(slope.T, read, out=layer.weight.grad)
            torch.sum(slope, 0, out=layer.bias.grad)
            if layer is not self.layers[0]:
                slope = (slope @ layer.weight).mul_(read > 0)


start = DenseMlp
