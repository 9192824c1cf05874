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
