"""Masks: bool tensors, True where a weight exists. Pure functions; exact counts, also under ties.

N: weights of one layer, or of all prunable layers together.
"""

from collections.abc import Mapping

import torch
from torch import Tensor


def prune(scores: Mapping[str, Tensor], alive: Mapping[str, Tensor], counts: Mapping[str, int]) -> dict[str, Tensor]:
    """Keep the best-scored `counts[layer]` survivors of each layer; of all layers together under the key `""`.

    The new mask lies inside `alive`. Raises ValueError if a count exceeds the survivors.
    """
    if "" not in counts:
        return {name: keep(scores[name], alive[name], counts[name]) for name in scores}
    together = keep(_flat(scores), _flat(alive), counts[""])
    parts = torch.split(together, [tensor.numel() for tensor in scores.values()])
    return {name: part.reshape(scores[name].shape) for name, part in zip(scores, parts, strict=True)}


def keep(scores: Tensor, alive: Tensor, count: int) -> Tensor:
    """The `count` highest scores among `alive`. Ties: the lower index stays, so that the count is exact.

    (A threshold, `score > sorted(score)[k]`, would prune every tie and one more: open_lth's fault.)

    >>> keep(torch.tensor([1.0, 1.0, 1.0, 0.0]), torch.tensor([True, True, True, True]), 2)
    tensor([ True,  True, False, False])
    """
    if count > int(alive.sum()):
        raise ValueError(f"cannot keep {count} of {int(alive.sum())} weights")
    ranked_N = torch.where(alive, scores, -torch.inf).flatten()
    order_N = torch.argsort(ranked_N, descending=True, stable=True)
    kept_N = torch.zeros_like(alive.flatten())
    kept_N[order_N[:count]] = True
    return kept_N.reshape(alive.shape)


def prune_groups(
    scores: Mapping[str, Tensor], alive: Mapping[str, Tensor], groups: Mapping[str, Tensor], counts: Mapping[str, int]
) -> dict[str, Tensor]:
    """The same for groups of weights, of which all or none stay: `groups` has the number of each weight's group.

    The groups with the best mean score stay, as many as come nearest to a count.
    """
    if "" not in counts:
        return {name: keep_groups(scores[name], alive[name], groups[name], counts[name]) for name in scores}
    numbers, first = {}, 0
    for name, group in groups.items():
        numbers[name] = group + first
        first += int(group.max()) + 1
    together = keep_groups(_flat(scores), _flat(alive), _flat(numbers), counts[""])
    parts = torch.split(together, [tensor.numel() for tensor in scores.values()])
    return {name: part.reshape(scores[name].shape) for name, part in zip(scores, parts, strict=True)}


def keep_groups(scores: Tensor, alive: Tensor, groups: Tensor, count: int) -> Tensor:
    """The groups with the best mean score that have about `count` weights, one at least. Ties: the lower number stays.

    >>> scores, groups = torch.tensor([1.0, 3.0, 5.0, 1.0, 9.0]), torch.tensor([0, 0, 1, 1, 2])
    >>> keep_groups(scores, torch.ones(5, dtype=torch.bool), groups, 3)
    tensor([False, False,  True,  True,  True])
    """
    living, number = alive.flatten(), groups.flatten()
    size_G = torch.zeros(int(number.max()) + 1, dtype=torch.int64).index_add(0, number, living.long())
    total_G = torch.zeros(len(size_G)).index_add(0, number, torch.where(living, scores.flatten(), 0))
    order_G = torch.argsort(torch.where(size_G > 0, total_G / size_G, -torch.inf), descending=True, stable=True)
    left_G = torch.cat([torch.zeros(1, dtype=torch.int64), size_G[order_G].cumsum(0)])
    kept_G = torch.zeros(len(size_G), dtype=torch.bool)
    kept_G[order_G[: max(1, int((left_G - count).abs().argmin()))]] = True
    return (kept_G[number] & living).reshape(alive.shape)


def apply(mask: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Zero (a positive one) where a mask says so; tensors without a mask are unchanged."""
    return {
        name: torch.where(mask[name], value, torch.zeros_like(value)) if name in mask else value
        for name, value in tensors.items()
    }


def ones(scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The mask of the dense network."""
    return {name: torch.ones_like(value, dtype=torch.bool) for name, value in scores.items()}


def _flat(tensors: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors.values()])
