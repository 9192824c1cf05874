"""A chain of Linear and ReLU, as LeNet-300-100 of the Lottery Ticket Hypothesis paper (266,200 weights)."""

from itertools import pairwise
from math import isqrt

import torch
from torch import nn


def chain(*widths: int) -> nn.Sequential:
    """(B, *) -> (B, widths[-1]). Glorot-normal weights and zero biases (LTH paper, appendix G)."""
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in pairwise(widths):
        with torch.random.fork_rng(devices=[]):  # what torch draws is of no stream, and no stream moves for it
            linear = nn.Linear(fan_in, fan_out)
        nn.init.xavier_normal_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def narrow(weights: int, inputs: int, outputs: int) -> tuple[int, int]:
    """Hidden layers as 3 : 1, which are those of LeNet-300-100, with about so many weights in all.

    >>> narrow(10_040, 64, 10), narrow(53_240, 784, 10)
    ((100, 33), (66, 22))
    """

    def away(hidden: tuple[int, int]) -> int:
        return abs(sum(a * b for a, b in pairwise((inputs, *hidden, outputs))) - weights)

    widths = range(1, isqrt(3 * weights) + 2)
    return min(((width, max(1, third)) for width in widths for third in (width // 3, -(-width // 3))), key=away)
