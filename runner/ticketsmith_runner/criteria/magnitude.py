"""Magnitude: small weights matter least. The criterion of the Lottery Ticket Hypothesis paper."""

from torch import Tensor


def score(weight: Tensor) -> Tensor:
    """|w|, same shape."""
    return weight.abs()
