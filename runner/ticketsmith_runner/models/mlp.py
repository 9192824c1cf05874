"""A chain of Linear and ReLU, as LeNet-300-100 of the Lottery Ticket Hypothesis paper (266,200 weights)."""

from itertools import pairwise
from math import prod

from torch import nn


def build(inputs: tuple[int, ...], classes: int, hidden: tuple[int, ...]) -> nn.Module:
    """(B, *inputs) -> (B, classes)."""
    widths = (prod(inputs), *hidden, classes)
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
