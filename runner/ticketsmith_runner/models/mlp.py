"""A chain of Linear and ReLU, as LeNet-300-100 of the Lottery Ticket Hypothesis paper (784-300-100-10, 266,200 weights)."""

from math import prod

from torch import nn


def build(inputs: tuple[int, ...], classes: int, hidden: tuple[int, ...]) -> nn.Module:
    """(B, *inputs) -> (B, classes)."""
    widths = (prod(inputs), *hidden, classes)
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
