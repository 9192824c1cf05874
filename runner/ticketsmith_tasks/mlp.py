"""A chain of Linear and ReLU, as LeNet-300-100 of the Lottery Ticket Hypothesis paper (266,200 weights)."""

from itertools import pairwise

import torch
from torch import nn


def chain(*widths: int) -> nn.Sequential:
    """(B, *) -> (B, widths[-1]). Glorot-normal weights and zero biases (LTH paper, appendix G)."""
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in pairwise(widths):
        linear = nn.Linear(fan_in, fan_out, device="meta").to_empty(
            device=torch.get_default_device()
        )  # nothing is drawn
        nn.init.xavier_normal_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])
