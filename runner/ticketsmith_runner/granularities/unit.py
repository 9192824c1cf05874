"""Whole hidden units: with a unit go the weights that it reads, and those that read it. What is left is a smaller net.

Every hidden layer keeps the same share of its units; inputs and outputs stay.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

CHAIN = (
    *(nn.Flatten, nn.Linear, nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.ReLU, nn.GELU, nn.Dropout),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d),
)
BISECTIONS = 50


def prune(
    network: nn.Module, scores: Mapping[str, Tensor], alive: Mapping[str, Tensor], counts: Mapping[str, int]
) -> dict[str, Tensor]:
    """The units with the best mean score of what they read, in such numbers that about so many weights are left.

    Raises ValueError for a network that is no chain: there a unit may be added to another one.
    """
    if not isinstance(network, nn.Sequential) or not all(map(_plain, network)):
        raise ValueError("units can be told apart in an nn.Sequential of layers, normalization and pooling alone")
    names = list(scores)
    score_U = {name: _scores(scores[name], alive[name]) for name in names[:-1]}
    living = {name: int(score.isfinite().sum()) for name, score in score_U.items()}
    kept = _numbers(sum(counts.values()), living, lambda numbers: _weights(scores, numbers))
    units = {name: _best(score, kept[name]) for name, score in score_U.items()}
    return {
        after: _mask(scores[after], units.get(after), units.get(before)) for before, after in pairwise(["", *names])
    }


def _plain(module: nn.Module) -> bool:
    return isinstance(module, CHAIN) and getattr(module, "groups", 1) == 1


def _scores(score: Tensor, alive: Tensor) -> Tensor:
    """(units,): the mean over what is alive of what a unit reads; minus infinity for one that is gone."""
    flat, living = score.flatten(1), alive.flatten(1)
    total = torch.where(living, flat, 0).sum(1)
    return torch.where(living.any(1), total / living.sum(1).clamp(min=1), -torch.inf)


def _numbers(target: int, living: Mapping[str, int], weights: Callable[[Mapping[str, int]], int]) -> dict[str, int]:
    """Number of units that each layer keeps: the same share, with weights as near to the target in number as can be."""

    def at(share: float) -> dict[str, int]:
        return {name: max(1, round(share * count)) for name, count in living.items()}

    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if weights(at(middle)) < target else (low, middle)
    return min(at(low), at(high), key=lambda numbers: abs(weights(numbers) - target))


def _weights(scores: Mapping[str, Tensor], numbers: Mapping[str, int]) -> int:
    """Weights that are left of all layers if so many units of the hidden ones are."""
    left = 0
    for before, after in pairwise(["", *scores]):
        weight = scores[after]
        whole = len(scores[before]) if before else 1
        left += numbers.get(after, len(weight)) * (weight[0].numel() // whole) * numbers.get(before, whole)
    return left


def _best(score_U: Tensor, count: int) -> Tensor:
    """(units,), the `count` best. Ties: the lower index stays."""
    kept_U = torch.zeros(len(score_U), dtype=torch.bool)
    kept_U[torch.argsort(score_U, descending=True, stable=True)[:count]] = True
    return kept_U


def _mask(weight: Tensor, own_U: Tensor | None, read_U: Tensor | None) -> Tensor:
    """A layer's weights between units that stay, its own and those of the layer before; one of these may be a plane."""
    mask = torch.ones_like(weight, dtype=torch.bool)
    if own_U is not None:
        mask[~own_U] = False
    if read_U is not None:
        mask[:, ~read_U.repeat_interleave(weight.shape[1] // len(read_U))] = False
    return mask
