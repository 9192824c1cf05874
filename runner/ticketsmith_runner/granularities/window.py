"""Weights within each window of 16 inputs of a unit, of which the same number is left everywhere in a layer.

4 of 16 fill every step of the int8 kernel, which picks four inputs for each unit from 16 that lie side by side.
Inputs are in the order of that kernel's memory: of a convolution place by place, the channels of a place together. The
last window is shorter if the inputs are no multiple of 16; it keeps its share, rounded up.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ticketsmith.lottery.windows import WINDOW, share


def prune(
    network: nn.Module, scores: Mapping[str, Tensor], alive: Mapping[str, Tensor], counts: Mapping[str, int]
) -> dict[str, Tensor]:
    """The best-scored survivors of each window, in the largest number whose share of the layer is within the count.

    Raises ValueError for a parameter of one axis, whose units have no inputs, and where a window lacks survivors.
    """
    return {name: _kept(scores[name], alive[name], per_window(scores[name], counts[name])) for name in scores}


def per_window(weight: Tensor, count: int) -> int:
    """Weights left in a window of 16 if so many are left of the layer; exact for counts of masks made here."""
    return WINDOW * count // weight.numel()


def in_order(weight: Tensor) -> Tensor:
    """(units, inputs), as they lie in the kernel's memory.

    >>> in_order(torch.arange(4).reshape(1, 2, 1, 2))
    tensor([[0, 2, 1, 3]])
    """
    return weight.movedim(1, -1).flatten(1)


def _kept(score: Tensor, alive: Tensor, number: int) -> Tensor:
    """The best of each window; ties: the lower index stays, so that the number is exact."""
    if score.dim() < 2:
        raise ValueError(f"a parameter of shape {tuple(score.shape)} has no windows of inputs")
    ranked_UI = in_order(torch.where(alive, score, -torch.inf))
    units, inputs = ranked_UI.shape
    ranked_UWN = pad(ranked_UI, (0, -inputs % WINDOW), value=-torch.inf).reshape(units, -1, WINDOW)
    order_UWN = torch.argsort(ranked_UWN, dim=2, descending=True, stable=True)
    best_UWN = torch.zeros_like(ranked_UWN, dtype=torch.bool)
    best_UWN.scatter_(2, order_UWN, _places(inputs, number).expand_as(best_UWN))
    best = _shaped(best_UWN.flatten(1)[:, :inputs], score)
    if (best & ~alive).any():
        raise ValueError(f"cannot keep {number} of 16 weights in every window: one has fewer")
    return best


def _places(inputs: int, number: int) -> Tensor:
    """(windows, 16): True for the ranks that stay."""
    lengths = [min(WINDOW, inputs - first) for first in range(0, inputs, WINDOW)]
    return torch.arange(WINDOW) < torch.tensor([[share(number, length)] for length in lengths])


def _shaped(flat_UI: Tensor, weight: Tensor) -> Tensor:
    """The inverse of `in_order`."""
    units, channels, *taps = weight.shape
    return flat_UI.reshape(units, *taps, channels).movedim(-1, 1).contiguous()
