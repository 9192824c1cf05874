"""Weights, of which two in each group of four go first: what tensor cores of compute capability 8.0 on skip.

A layer that keeps half of its weights or less has at most two of four neighbouring inputs of a unit: the form 2:4.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from .. import masks


def prune(
    network: nn.Module, scores: Mapping[str, Tensor], alive: Mapping[str, Tensor], counts: Mapping[str, int]
) -> dict[str, Tensor]:
    """The best-scored survivors, after the two best of each group; counts are exact."""
    best = {name: two_best(torch.where(alive[name], score, -torch.inf)) & alive[name] for name, score in scores.items()}
    others = {name: alive[name] & ~mask for name, mask in best.items()}
    room = {name: counts[name] - held for name, held in _numbers(best, counts).items()}
    first = masks.prune(scores, best, {name: min(count, count - room[name]) for name, count in counts.items()})
    rest = masks.prune(scores, others, {name: max(0, more) for name, more in room.items()})
    return {name: first[name] | rest[name] for name in scores}


def two_best(score: Tensor) -> Tensor:
    """Tell which weights (units, ...) are the two best of four neighbours that one unit reads. Ties: the lower index.

    >>> two_best(torch.tensor([[3.0, 1.0, 1.0, 2.0, 5.0]]))
    tensor([[ True, False, False,  True,  True]])
    """
    flat = score.flatten(1)
    fours = pad(flat, (0, -flat.shape[1] % 4), value=-torch.inf).reshape(len(flat), -1, 4)
    order = torch.argsort(fours, dim=2, descending=True, stable=True)
    best = torch.zeros_like(fours, dtype=torch.bool).scatter_(2, order[..., :2], True)
    return best.flatten(1)[:, : flat.shape[1]].reshape(score.shape)


def _numbers(best: Mapping[str, Tensor], counts: Mapping[str, int]) -> dict[str, int]:
    """Their number, for each layer or in all."""
    held = {name: int(mask.sum()) for name, mask in best.items()}
    return {"": sum(held.values())} if "" in counts else held
