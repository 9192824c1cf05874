"""Networks for tests, and states of them from a stream."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from ticketsmith_runner.network import LAYERS, state
from ticketsmith_tasks.mlp import chain


def build(inputs: Sequence[int], classes: int, hidden: Sequence[int]) -> nn.Sequential:
    """A chain of Linear and ReLU: (B, *inputs) -> (B, classes)."""
    return chain(prod(inputs), *hidden, classes)


def draw(network: nn.Module, generator: torch.Generator) -> dict[str, Tensor]:
    """A state from one stream: Glorot-normal weights, zero biases, identity norms."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, LAYERS) and isinstance(weight := getattr(module, "weight", None), Tensor):
                nn.init.xavier_normal_(weight, generator=generator)
                if isinstance(bias := getattr(module, "bias", None), Tensor):
                    bias.zero_()
            elif reset := getattr(module, "reset_parameters", None):
                reset()
    return state(network)
