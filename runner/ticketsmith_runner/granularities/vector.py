"""Vectors of 16 units that read one input: what a register of AVX-512 multiplies at once.

A ticket of vectors needs one index where one of weights needs sixteen, so that it runs faster at the same sparsity.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .. import masks

LENGTH = 16


def prune(
    network: nn.Module, scores: Mapping[str, Tensor], alive: Mapping[str, Tensor], counts: Mapping[str, int]
) -> dict[str, Tensor]:
    """The vectors with the best mean score; the last ones of a layer are shorter if its units are no multiple of 16."""
    return masks.prune_groups(scores, alive, {name: vectors(score) for name, score in scores.items()}, counts)


def vectors(weight: Tensor) -> Tensor:
    """The number of the vector that each weight belongs to, of the shape of `weight` (units, ...).

    >>> vectors(torch.zeros(18, 2))[[0, 15, 16]].tolist()
    [[0, 1], [0, 1], [2, 3]]
    """
    inputs = weight[0].numel()
    rows, columns = torch.arange(len(weight)) // LENGTH, torch.arange(inputs)
    return (rows[:, None] * inputs + columns).reshape(weight.shape)
